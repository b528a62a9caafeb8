hlua failing.lua
