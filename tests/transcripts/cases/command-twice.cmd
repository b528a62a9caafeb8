hlua good.lua check status
