-- Keys that are numbers or bytes: a column's own type is taken over (N for numbers, B for bytea), hlua.N and hlua.B say it.
-- An index key can name attributes that are mapped elsewhere.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-numeric-keys",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-numeric-keys",

    partition_key = { CustomerId = hlua.N "{customer_id}" },
    sort_key      = { OrderId = hlua.column "order_id" },

    global_secondary_indexes = {
      hlua.index { "ByToken", partition_key = { Token = hlua.B(hlua.column "token") } },   -- a uuid as its 16 bytes
      hlua.index { "ByTotal", partition_key = "Currency", sort_key = "Total" },
    },

    attributes = { Currency = hlua.column "currency", Total = hlua.column "total" },
  },
}
