-- Three columns (data/small.sql).
local hlua = require "hlua"

return hlua.plan {
  name   = "bench-small",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "bench.small",
    to   = "bench-small",
    partition_key = { PK = "ROW#{id}" },
    attributes    = { hlua.columns {} },
  },
}
