hlua nothere.lua
