hlua help rehearse
