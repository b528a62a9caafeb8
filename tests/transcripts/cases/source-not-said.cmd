PGHOST=/nowhere/at/all hlua sourced.lua check
