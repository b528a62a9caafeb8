-- The table of the integration logs as migrations/integration-logs declares it, its keys and attributes made in other ways:
-- each plan here gives the same items as that one (tests/bench/run compares them), so that what is measured is the way.
local hlua = require "hlua"

-- fields: keys = { PK =, SK =, GSI1PK =, ... } (values), and any other fields of hlua.table; plan: more fields of hlua.plan.
return function(name, fields, plan)
  local keys, more = fields.keys, {}
  for field, value in pairs(fields) do
    if field ~= "keys" then more[field] = value end
  end
  local function index(label, number)
    local partition, sort = "GSI" .. number .. "PK", "GSI" .. number .. "SK"
    return hlua.index { label, partition_key = { [partition] = keys[partition] }, sort_key = { [sort] = keys[sort] } }
  end

  more.from, more.to = 'dbo."IntegrationLogs"', "LoanApp-IntegrationLogs-bench"
  more.partition_key, more.sort_key = { PK = keys.PK }, { SK = keys.SK }
  more.global_secondary_indexes = {
    index("GSI1-ApplicationId-LogTimestamp", 1),
    index("GSI2-CorrelationId-LogTimestamp", 2),
    index("GSI3-ErrorStatus-LogTimestamp", 3),
  }
  more.time_to_live = more.time_to_live or { TTL = hlua.epoch("LogTimestamp", { days = 365 }) }
  more.point_in_time_recovery, more.stream = true, "NEW_AND_OLD_IMAGES"
  more.tags = { Environment = "bench", Application = "LoanApplication", Component = "IntegrationLogs" }

  plan = plan or {}
  plan.name, plan.source, plan[1] = name, hlua.postgres { uri = os.getenv "HLUA_SOURCE" }, hlua.table(more)
  return hlua.plan(plan)
end
