mkdir plan.lua; hlua plan.lua
