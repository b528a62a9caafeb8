-- Items of 20 KB (data/big.sql).
local hlua = require "hlua"

return hlua.plan {
  name   = "bench-big",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "bench.big",
    to   = "bench-big",
    partition_key = { PK = "ROW#{id}" },
    attributes    = { hlua.columns {} },
  },
}
