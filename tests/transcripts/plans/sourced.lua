-- A right plan, if the environment says where to read.
local hlua = require "hlua"

return hlua.plan {
  name   = "people",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table { from = "public.people", to = "People", partition_key = { PK = "PERSON#{id}" } },
}
