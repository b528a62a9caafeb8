-- Keys made of columns by templates: {column} or {column:format}. A doubled brace is a brace.
-- The partition key spreads a busy day over four shards, so that no partition gets all of a day's writes.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-templates",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.events",
    to   = "example-templates",

    partition_key = { PK = "{kind:lower}#{happened_at:%Y-%m-%d}#{event_id:shard(4)}" },
    sort_key      = { SK = "{happened_at:%Y-%m-%dT%H:%M:%S.%LZ}#{event_id:%08d}" },

    attributes = {
      Day    = "{happened_at:%j}",          -- of the year, 001 to 366
      Epoch  = "{happened_at:%s}",
      Price  = "{price:%.2f} EUR",          -- exactly two digits; 1.005 would reject the row
      Digest = "{digest:hex}",
      Label  = "{{{kind:upper}}}",          -- {LOGIN}
      Plain  = "{happened_at} {price} {payload}",
    },
  },
}
