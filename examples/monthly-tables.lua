-- `to` as a template: a table for each month that the source has when the run begins, each made as declared here.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-monthly-tables",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    name = "events",
    from = "shop.events",
    to   = "example-events-{happened_at:%Y-%m}",

    partition_key = { PK = "{kind}" },
    sort_key      = { SK = "{happened_at}" },
    attributes    = { EventId = hlua.column "event_id", Price = hlua.column "price" },
  },
}
