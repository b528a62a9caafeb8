-- An index whose key is several attributes, four at most on each side, instead of one text glued together.
-- (Real DynamoDB has them; not every local engine does.)
local hlua = require "hlua"

return hlua.plan {
  name   = "example-multi-key-index",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-multi-key-index",

    partition_key = { PK = "ORDER#{order_id}" },

    global_secondary_indexes = {
      hlua.index { "ByCurrencyAndCustomer", partition_key = { "currency", "customer_id" }, sort_key = { "placed_at", "order_id" } },
    },

    attributes = { hlua.columns { except = { "token" } } },
  },
}
