hlua help migrat
