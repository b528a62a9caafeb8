hlua broken.lua check --offline --json
