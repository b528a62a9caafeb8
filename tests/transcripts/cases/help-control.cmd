hlua help control
