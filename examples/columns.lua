-- Columns as attributes, in their natural types: numbers N, booleans BOOL, bytea B, arrays and composites L and M, the rest S.
-- Attributes that are spelt out win over hlua.columns; nulls = "keep" writes NULL where a column is NULL.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-columns",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.customers",
    to   = "example-columns",

    partition_key = { PK = "CUSTOMER#{customer_id}" },

    attributes = {
      hlua.columns { except = { "secret" }, rename = { full_name = "Name", tags = "Tags" } },
      email  = "{email:lower}",
      Since  = hlua.column "created_at",
      Source = "postgresql",                -- a template without braces is a constant
      Schema = 2,
      Moved  = true,
    },
    nulls = "keep",
  },
}
