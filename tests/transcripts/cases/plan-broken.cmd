hlua broken.lua check --offline
