hlua --scripts nowhere good.lua
