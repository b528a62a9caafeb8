-- The whole item by one function.
local hlua = require "hlua"

local YEAR = 365 * 86400
local S = hlua.S

return require "logs" ("bench-map", {
  keys = { PK = S, SK = S, GSI1PK = S, GSI1SK = S, GSI2PK = S, GSI2SK = S, GSI3PK = S, GSI3SK = S },
  time_to_live = { TTL = hlua.N },
  map = function(row)
    local time, application, correlation, success = row.LogTimestamp, row.ApplicationId, row.CorrelationId, row.IsSuccess
    local day, at = time:format("%Y-%m-%d"), time:format("%Y-%m-%dT%H:%M:%S.%LZ") .. "#" .. row.LogId
    return {
      PK = row.ServiceName .. "-" .. day, SK = at,
      GSI1PK = application and "APP#" .. application, GSI1SK = application and at,
      GSI2PK = correlation and "CORR#" .. correlation, GSI2SK = correlation and at,
      GSI3PK = "ERROR#" .. (success and "true#" or "false#") .. day, GSI3SK = at,
      LogId = row.LogId, ApplicationId = application, LogType = row.LogType, ServiceName = row.ServiceName,
      RequestData = row.RequestData, ResponseData = row.ResponseData, StatusCode = row.StatusCode, IsSuccess = success,
      ErrorMessage = row.ErrorMessage, ProcessingTimeMs = row.ProcessingTimeMs, LogTimestamp = time,
      CorrelationId = correlation, UserId = row.UserId,
      TTL = time.epoch // 1 + YEAR,
    }
  end,
})
