-- A small right plan.
local hlua = require "hlua"

return hlua.plan {
  name   = "people",
  source = hlua.postgres { uri = "host=/nowhere/at/all dbname=people" },
  target = hlua.dynamodb { region = "eu-west-1" },

  hlua.table {
    from          = "public.people",
    to            = "People",
    partition_key = { PK = "PERSON#{id}" },
    sort_key      = { SK = hlua.S "PROFILE" },
    attributes    = {
      hlua.columns { except = { "secret" } },
      Age  = hlua.N "{age}",
      Body = hlua.json("body", { invalid = "string" }),
      Open = hlua.when("is_open", "OPEN#{id}"),
    },
    time_to_live = { TTL = hlua.epoch("created_at", { days = 30 }) },
  },
}
