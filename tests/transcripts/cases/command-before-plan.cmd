hlua migrate good.lua
