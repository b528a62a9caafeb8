hlua good.lua rehearse
