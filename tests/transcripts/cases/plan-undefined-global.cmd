hlua undefined.lua check --offline
