hlua help migrate && hlua good.lua status --help
