hlua syntax.lua
