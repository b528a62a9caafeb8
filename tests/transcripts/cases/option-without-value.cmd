hlua good.lua migrate --where
