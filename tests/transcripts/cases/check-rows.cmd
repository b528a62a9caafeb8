hlua good.lua check --rows 0
