-- The settings of the table that hlua creates: provisioned units, an index with units of its own, storage class, backups,
-- stream, tags, protection. A table that is there already is never changed: other settings are told as warnings.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-provisioned",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.orders",
    to   = "example-provisioned",

    partition_key = { PK = "ORDER#{order_id}" },
    global_secondary_indexes = {
      hlua.index { "ByCoupon", partition_key = { GSI1PK = "{coupon}" }, provisioned = { read = 5, write = 50 } },
    },
    attributes = { hlua.columns {} },

    billing_mode           = "PROVISIONED",
    provisioned            = { read = 5, write = 500 },
    table_class            = "STANDARD_INFREQUENT_ACCESS",
    point_in_time_recovery = true,
    stream                 = "NEW_AND_OLD_IMAGES",
    deletion_protection    = true,
    tags                   = { Environment = "dev", Owner = "orders" },
  },
}
