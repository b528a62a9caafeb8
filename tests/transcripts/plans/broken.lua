local hlua = require "hlua"

return hlua.plan {
  name   = "people",
  source = hlua.postgres { ur = "host=localhost" },
  target = hlua.dynamodb { region = 5 },

  hlua.table {
    form          = "public.people",
    to            = "People",
    partition_key = { PK = "PERSON" },
    billing_mode  = "PAY_PER_REQEST",
  },
}
