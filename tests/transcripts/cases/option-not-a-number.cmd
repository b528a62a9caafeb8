hlua good.lua --limit many
