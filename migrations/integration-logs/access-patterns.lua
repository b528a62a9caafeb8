#!/usr/bin/env hlua
-- Asks DynamoDB what the application asks of its logs, and prints the answers: hlua access-patterns.lua
-- Reads ENVIRONMENT and the AWS variables, as plan.lua does. The questions are about logs that a scan finds first.
local dynamodb = require "hlua.dynamodb"

local env        = os.getenv "ENVIRONMENT" or "dev"
local table_name = "LoanApp-IntegrationLogs-" .. env
local count_to   = 1000     -- answers are counted up to here,
local show       = 3        -- and this many of them are shown

local function fail(message) -- which begins with AWS's error type, when it has one
  io.stderr:write("access-patterns: ", message, "\n")
  os.exit(4)
end

-- The first characters of a text, never half of one.
local function shorten(text, length)
  local cut = utf8.offset(text, length + 1)
  return cut and cut <= #text and text:sub(1, cut - 1) .. "..." or text
end

local function print_log(log)
  local details = {
    log.ServiceName,
    log.StatusCode or "no status",
    log.ProcessingTimeMs and tostring(log.ProcessingTimeMs) .. " ms" or "not timed",
    log.ApplicationId and "application " .. tostring(log.ApplicationId) or nil,
  }
  if log.ErrorMessage then details[#details + 1] = shorten(log.ErrorMessage, 40) end
  print("     " .. log.SK .. "  " .. table.concat(details, ", "))
end

local function ask(db, question, query)
  print("\n" .. question)
  -- The condition as DynamoDB gets it, with the values put in.
  local condition = query.KeyConditionExpression:gsub(":%w+", function(name)
    return '"' .. query.ExpressionAttributeValues[name] .. '"'
  end)
  print("   " .. (query.IndexName and "index " .. query.IndexName .. ": " or "table: ") .. condition)

  query.TableName, query.limit = table_name, count_to
  local count = 0
  for log in db:query(query) do
    count = count + 1
    if count <= show then print_log(log) end
  end
  local more = count > show and ", the first " .. show .. " shown" or ""
  print(("   %s%d %s%s"):format(count == count_to and "at least " or "", count, count == 1 and "log" or "logs", more))
end

-- The first item that has the attribute (with the value, if one is given), or the very first. Scan answers in
-- DynamoDB's own form: { ServiceName = { S = "..." } }.
local function find(items, name, value)
  for _, item in ipairs(items) do
    local kind, content = next(item[name] or {})
    if kind and (value == nil or content == value) then return item end
  end
  return items[1]
end

local db, connect_error = dynamodb.connect {}
if not db then fail(connect_error) end

local page, scan_error = db:call("Scan", { TableName = table_name, Limit = 200 })
if not page then fail(scan_error) end
if #page.Items == 0 then fail(table_name .. " is empty; run plan.lua first") end

print(table_name)

local any     = find(page.Items, "ServiceName")
local service = any.ServiceName.S
local hour    = any.SK.S:sub(1, 13)
ask(db, ("What did %s do on %s from %s:00 to %s:59?"):format(service, hour:sub(1, 10), hour:sub(12), hour:sub(12)), {
  KeyConditionExpression = "PK = :p AND SK BETWEEN :a AND :b",
  ExpressionAttributeValues = {
    [":p"] = service .. "-" .. hour:sub(1, 10),
    [":a"] = hour .. ":00:00.000Z",
    [":b"] = hour .. ":59:59.999Z#~",       -- "~" sorts after every digit of a log's number
  },
})

local application = find(page.Items, "ApplicationId").ApplicationId
if application then
  ask(db, ("What happened to application %s, newest first?"):format(application.N), {
    IndexName = "GSI1-ApplicationId-LogTimestamp",
    KeyConditionExpression = "GSI1PK = :p",
    ExpressionAttributeValues = { [":p"] = "APP#" .. application.N },
    ScanIndexForward = false,
  })
end

local correlation = find(page.Items, "CorrelationId").CorrelationId
if correlation then
  ask(db, ("Which calls belong to correlation id %s?"):format(correlation.S), {
    IndexName = "GSI2-CorrelationId-LogTimestamp",
    KeyConditionExpression = "GSI2PK = :p",
    ExpressionAttributeValues = { [":p"] = "CORR#" .. correlation.S },
  })
end

local failed_day = find(page.Items, "IsSuccess", false).SK.S:sub(1, 10)
ask(db, ("What failed on %s?"):format(failed_day), {
  IndexName = "GSI3-ErrorStatus-LogTimestamp",
  KeyConditionExpression = "GSI3PK = :p",
  ExpressionAttributeValues = { [":p"] = "ERROR#false#" .. failed_day },
})
