hlua
