-- The eight keys as templates, for the plans here that make something else in another way.
local at = "{LogTimestamp:%Y-%m-%dT%H:%M:%S.%LZ}#{LogId}"

return {
  PK = "{ServiceName}-{LogTimestamp:%Y-%m-%d}", SK = at,
  GSI1PK = "APP#{ApplicationId}", GSI1SK = at,
  GSI2PK = "CORR#{CorrelationId}", GSI2SK = at,
  GSI3PK = "ERROR#{IsSuccess}#{LogTimestamp:%Y-%m-%d}", GSI3SK = at,
}
