-- A few columns by name, and a type that is said exactly: hlua.S, hlua.N and hlua.B around a template, a column or a constant.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-only-columns",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.events",
    to   = "example-only-columns",

    partition_key = { EventId = hlua.column "event_id" },

    attributes = {
      hlua.columns { only = { "kind", "price" } },
      PriceText = hlua.S(hlua.column "price"),   -- 12.50 stays 12.50
      Digest    = hlua.B(hlua.column "digest"),
      Version   = hlua.N "1",
      Marker    = hlua.B "\x00\x01",
    },
  },
}
