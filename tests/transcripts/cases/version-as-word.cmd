hlua version
