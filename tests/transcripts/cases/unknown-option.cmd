hlua good.lua --dry-rum
