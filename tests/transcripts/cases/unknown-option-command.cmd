hlua good.lua migrate --jbos 4
