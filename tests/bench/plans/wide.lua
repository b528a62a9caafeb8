-- A hundred columns of mixed types (data/wide.sql), all as they are.
local hlua = require "hlua"

return hlua.plan {
  name   = "bench-wide",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "bench.wide",
    to   = "bench-wide",
    partition_key = { PK = "ROW#{id}" },
    attributes    = { hlua.columns {} },
  },
}
