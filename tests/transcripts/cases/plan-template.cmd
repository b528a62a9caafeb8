hlua template.lua check --offline
