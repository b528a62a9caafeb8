-- One DynamoDB table for a whole shop: three sources, and rows that become several items, without a function.
-- Tables that share a target declare it alike; a key of an index that one of them does not fill is declared by its type.
local hlua = require "hlua"

local TARGET = "example-items"

return hlua.plan {
  name   = "example-items",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    name = "customers",
    from = "shop.customers",
    to   = TARGET,
    partition_key = { PK = hlua.S },              -- types alone: each item has its own values
    sort_key      = { SK = hlua.S },
    global_secondary_indexes = { hlua.index { "GSI1", partition_key = { GSI1PK = hlua.S }, sort_key = { GSI1SK = hlua.S } } },
    items = {
      hlua.item {
        partition_key = { PK = "CUSTOMER#{customer_id}" },
        sort_key      = { SK = hlua.S "PROFILE" },
        attributes    = { hlua.columns { only = { "full_name", "email" } }, Type = "customer" },
      },
      hlua.item {
        when = "email",                           -- only where the column is not NULL
        partition_key = { PK = "EMAIL#{email:lower}" },
        sort_key      = { SK = hlua.S "LOGIN" },
        attributes    = { CustomerId = hlua.N "{customer_id}" },
      },
    },
  },

  hlua.table {
    name = "orders",
    from = "shop.orders",
    to   = TARGET,
    partition_key = { PK = "CUSTOMER#{customer_id}" },
    sort_key      = { SK = "ORDER#{order_id:%06d}" },
    global_secondary_indexes = {
      hlua.index {
        "GSI1",
        partition_key = { GSI1PK = hlua.when("is_open", "OPEN#{order_id:shard(4)}") },
        sort_key      = { GSI1SK = "{placed_at}" },
      },
    },
    attributes = { hlua.columns { only = { "total", "currency" } }, Type = "order" },
  },

  hlua.table {
    name = "payments",
    query = [[SELECT p.*, o.customer_id FROM shop.payments p JOIN shop.orders o USING (order_id) WHERE {range}]],
    key  = { "payment_id" },
    to   = TARGET,
    partition_key = { PK = "CUSTOMER#{customer_id}" },
    sort_key      = { SK = "ORDER#{order_id:%06d}#PAYMENT#{payment_id}" },
    global_secondary_indexes = { hlua.index { "GSI1", partition_key = { GSI1PK = hlua.S }, sort_key = { GSI1SK = hlua.S } } },
    attributes = { hlua.columns { only = { "amount", "paid_on" } }, Type = "payment" },
  },
}
