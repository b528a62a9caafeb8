-- Items that are there already stay as they are: only what is missing is written.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-keep",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.customers",
    to   = "example-keep",

    partition_key = { PK = "CUSTOMER#{customer_id}" },
    attributes    = { Name = hlua.column "full_name" },
    existing      = "keep",
  },
}
