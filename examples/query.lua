-- A source that is a query: a payment knows its loan only, and the target is keyed by customer, so two tables are joined.
-- The query has a key; {range} is where hlua puts the bounds of the key, so that it is read in chunks and can be resumed.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-query",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    query = [[
      SELECT p.payment_id, p.amount, p.paid_on, o.customer_id
      FROM (SELECT * FROM shop.payments WHERE {range}) AS p
      JOIN shop.orders AS o USING (order_id)
    ]],
    key = { "payment_id" },
    to  = "example-query",

    partition_key = { CustomerId = hlua.column "customer_id" },
    sort_key      = { SK = "{paid_on:%Y-%m-%d}#{payment_id}" },
    attributes    = { Amount = hlua.column "amount" },
  },
}
