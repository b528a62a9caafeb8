hlua good.lua status
