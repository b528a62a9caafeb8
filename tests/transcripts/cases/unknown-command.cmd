hlua good.lua migrat
