hlua good.lua check
