hlua good.lua --retry
