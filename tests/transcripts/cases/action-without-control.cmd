hlua good.lua pause
