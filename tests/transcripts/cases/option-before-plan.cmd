hlua --json good.lua
