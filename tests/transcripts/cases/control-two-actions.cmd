hlua good.lua control pause resume
