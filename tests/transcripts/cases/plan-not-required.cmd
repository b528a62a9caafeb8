hlua notrequired.lua check --offline
