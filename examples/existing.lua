-- A target that holds items already: without `existing` it is refused, with "replace" items of the same key are written over
-- and the others stay. The target is said here: what is not said is found by AWS's rules (environment, profile).
local hlua = require "hlua"

return hlua.plan {
  name   = "example-existing",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },
  target = hlua.dynamodb { region = os.getenv "AWS_REGION" or "eu-west-1", profile = os.getenv "AWS_PROFILE" },

  hlua.table {
    from = "shop.customers",
    to   = "example-existing",

    partition_key = { PK = "CUSTOMER#{customer_id}" },
    attributes    = { Name = hlua.column "full_name" },
    existing      = "replace",
  },
}
