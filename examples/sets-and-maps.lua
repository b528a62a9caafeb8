-- Values inside values: sets, lists and maps of templates, columns, functions and constants; and what stands in for a NULL.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-sets-and-maps",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-sets-and-maps",

    partition_key = { PK = hlua.N "{order_id}" },

    attributes = {
      Labels   = hlua.SS { "order", "{currency:lower}", hlua.column "coupon" },   -- a NULL is left out of a set
      Ids      = hlua.NS { hlua.column "order_id", hlua.column "customer_id" },   -- without duplicates
      Tokens   = hlua.BS { hlua.column "token" },
      Amount   = hlua.M {
        value    = hlua.column "total",
        currency = hlua.column "currency",
        coupon   = hlua.column "coupon",                                          -- a NULL is left out of a map
        history  = hlua.L { hlua.N "{total}", hlua.column "coupon", true },       -- and a NULL in a list
      },
      Coupon   = hlua.column("coupon", { default = "none" }),
      Open     = hlua.bool(hlua.column "is_open"),
      Rounded  = hlua.M { total = hlua.fn({ "total" }, function(total) return math.floor(total:tonumber()) end) },
      Parent   = hlua.null,
    },
  },
}
