hlua good.lua control pause
hlua good.lua control status --json
