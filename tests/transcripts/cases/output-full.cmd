hlua --help > /dev/full
