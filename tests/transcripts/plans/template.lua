local hlua = require "hlua"

return hlua.plan {
  name   = "people",
  source = hlua.postgres {},
  target = hlua.dynamodb {},

  hlua.table {
    from          = "public.people",
    to            = "People",
    partition_key = { PK = "PERSON#{id" },
    sort_key      = { SK = "{created_at:%Q}" },
    attributes    = { Name = "{name:uper}", Brace = "a } b" },
  },
}
