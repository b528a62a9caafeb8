-- Eight keys, each by a function that gets the whole row.
local hlua = require "hlua"

local at = hlua.S(function(row) return row.LogTimestamp:format("%Y-%m-%dT%H:%M:%S.%LZ") .. "#" .. row.LogId end)

return require "logs" ("bench-functions", {
  keys = {
    PK = hlua.S(function(row) return row.ServiceName .. "-" .. row.LogTimestamp:format("%Y-%m-%d") end),
    GSI1PK = hlua.S(function(row) return row.ApplicationId and "APP#" .. row.ApplicationId end),
    GSI2PK = hlua.S(function(row) return row.CorrelationId and "CORR#" .. row.CorrelationId end),
    GSI3PK = hlua.S(function(row)
      return "ERROR#" .. (row.IsSuccess and "true#" or "false#") .. row.LogTimestamp:format("%Y-%m-%d")
    end),
    SK = at, GSI1SK = at, GSI2SK = at, GSI3SK = at,
  },
  attributes = { hlua.columns {} },
})
