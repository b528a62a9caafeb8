hlua good.lua control
