-- The items of templates, each put only where no item is: existing = "keep".
local hlua = require "hlua"

return require "logs" ("bench-conditional", { keys = require "keys", attributes = { hlua.columns {} }, existing = "keep" })
