#!/usr/bin/env hlua
-- Moves dbo."IntegrationLogs" to the DynamoDB table LoanApp-IntegrationLogs-{env}; README.md tells the whole story.
-- Reads HLUA_SOURCE (a libpq connection string), ENVIRONMENT (dev, test or prod; dev by default) and AWS_REGION.
local hlua = require "hlua"

local env            = os.getenv "ENVIRONMENT" or "dev"
local retention_days = 365

-- The sort key of the table and of its three indexes: in order of time, and unique by the log's number.
local at = "{LogTimestamp:%Y-%m-%dT%H:%M:%S.%LZ}#{LogId}"

return hlua.plan {
  name   = "integration-logs-" .. env,
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },
  target = hlua.dynamodb { region = os.getenv "AWS_REGION" },

  hlua.table {
    from = 'dbo."IntegrationLogs"',
    to   = "LoanApp-IntegrationLogs-" .. env,

    partition_key = { PK = "{ServiceName}-{LogTimestamp:%Y-%m-%d}" },
    sort_key      = { SK = at },

    -- A log without an application or a correlation id is simply absent from that index.
    global_secondary_indexes = {
      hlua.index {
        "GSI1-ApplicationId-LogTimestamp",
        partition_key = { GSI1PK = "APP#{ApplicationId}" },
        sort_key      = { GSI1SK = at },
        projection    = "ALL",
      },
      hlua.index {
        "GSI2-CorrelationId-LogTimestamp",
        partition_key = { GSI2PK = "CORR#{CorrelationId}" },
        sort_key      = { GSI2SK = at },
        projection    = "ALL",
      },
      hlua.index {
        "GSI3-ErrorStatus-LogTimestamp",
        partition_key = { GSI3PK = "ERROR#{IsSuccess}#{LogTimestamp:%Y-%m-%d}" },
        sort_key      = { GSI3SK = at },
        projection    = "ALL",
      },
    },

    -- Every column under its own name. Both bodies stay strings: that is how the application reads them.
    attributes   = { hlua.columns {} },
    time_to_live = { TTL = hlua.epoch("LogTimestamp", { days = retention_days }) },

    billing_mode           = "PAY_PER_REQUEST",
    point_in_time_recovery = true,
    stream                 = os.getenv "LOGS_STREAM" ~= "off" and "NEW_AND_OLD_IMAGES" or nil,
    tags = {
      Environment = env,
      Application = "LoanApplication",
      Component   = "IntegrationLogs",
    },
  },
}
