hlua good.lua check --offline --json
