hlua -- script.lua --x
