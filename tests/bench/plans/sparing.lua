-- templates, sparing the source: one connection to read by, and slower while the server answers late.
local hlua = require "hlua"

return require "logs" (
  "bench-sparing",
  { keys = require "keys", attributes = { hlua.columns {} } },
  { max_source_load = { connections = 2, latency_ms = 5 } }
)
