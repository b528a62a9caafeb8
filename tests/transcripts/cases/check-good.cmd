hlua good.lua check --offline
