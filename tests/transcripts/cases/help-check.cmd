hlua help check
