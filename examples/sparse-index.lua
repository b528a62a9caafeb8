-- Indexes that hold some of the items. hlua.when writes a value only where a boolean column is true, or another one is not NULL;
-- a template that names a NULL column writes nothing. An item without an index's key is not in that index, and costs nothing there.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-sparse-index",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-sparse-index",

    partition_key = { PK = "ORDER#{order_id}" },

    global_secondary_indexes = {
      -- only open orders; the index's own sort key is left out together with its partition key
      hlua.index {
        "Open",
        partition_key = { OpenPK = hlua.when("is_open", "OPEN#{order_id:shard(4)}") },
        sort_key      = { OpenSK = "{placed_at}" },
        projection    = { "Total" },
      },
      -- only orders with a coupon
      hlua.index { "ByCoupon", partition_key = { CouponPK = "COUPON#{coupon}" }, projection = "KEYS_ONLY" },
    },

    attributes = { Total = hlua.column "total", Coupon = hlua.column "coupon" },
  },
}
