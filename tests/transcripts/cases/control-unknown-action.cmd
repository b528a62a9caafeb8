hlua good.lua control puase
