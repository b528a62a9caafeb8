-- A table that others use as well: their items neither hinder the run nor are they touched. A row whose key began otherwise
-- would be rejected.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-owns",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.customers",
    to   = "example-owns",

    partition_key = { PK = "CUSTOMER#{customer_id}" },
    attributes    = { Name = hlua.column "full_name" },
    owns          = { "CUSTOMER#" },
  },
}
