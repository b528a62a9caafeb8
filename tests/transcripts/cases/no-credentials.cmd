hlua good.lua create
