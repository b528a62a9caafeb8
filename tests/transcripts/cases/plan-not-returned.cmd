hlua notreturned.lua migrate
