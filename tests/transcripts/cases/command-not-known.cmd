hlua good.lua teleport
