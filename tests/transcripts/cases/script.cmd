hlua script.lua one "two three" --help
