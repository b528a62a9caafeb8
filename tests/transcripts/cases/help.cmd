hlua --help
