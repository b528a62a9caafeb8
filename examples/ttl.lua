-- A time to live: the row's own time in seconds since 1970, and ninety days and twelve hours on top.
-- DynamoDB deletes an item some days after that moment, and ignores a time that is over five years past.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-ttl",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.events",
    to   = "example-ttl",

    partition_key = { PK = "EVENT#{event_id}" },
    attributes    = { hlua.columns { only = { "kind", "happened_at" } } },
    time_to_live  = { ExpiresAt = hlua.epoch("happened_at", { days = 90, hours = 12 }) },
  },
}
