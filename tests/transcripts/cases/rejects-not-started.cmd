hlua good.lua rejects
