-- Eight keys, each by a function that gets the columns that it needs.
local hlua = require "hlua"

local at = hlua.S(hlua.fn({ "LogTimestamp", "LogId" }, function(time, id)
  return time:format("%Y-%m-%dT%H:%M:%S.%LZ") .. "#" .. id
end))

return require "logs" ("bench-lua8", {
  keys = {
    PK = hlua.S(hlua.fn({ "ServiceName", "LogTimestamp" }, function(service, time)
      return service .. "-" .. time:format("%Y-%m-%d")
    end)),
    GSI1PK = hlua.S(hlua.fn({ "ApplicationId" }, function(application) return application and "APP#" .. application end)),
    GSI2PK = hlua.S(hlua.fn({ "CorrelationId" }, function(correlation) return correlation and "CORR#" .. correlation end)),
    GSI3PK = hlua.S(hlua.fn({ "IsSuccess", "LogTimestamp" }, function(success, time)
      return "ERROR#" .. (success and "true#" or "false#") .. time:format("%Y-%m-%d")
    end)),
    SK = at, GSI1SK = at, GSI2SK = at, GSI3SK = at,
  },
  attributes = { hlua.columns {} },
})
