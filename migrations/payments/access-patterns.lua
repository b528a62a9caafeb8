#!/usr/bin/env hlua
-- Asks DynamoDB what the application asks of its payments, and prints the answers: hlua access-patterns.lua
-- Reads ENVIRONMENT and the AWS variables, as plan.lua does. The questions are about payments that a scan finds first.
local dynamodb = require "hlua.dynamodb"

local env        = os.getenv "ENVIRONMENT" or "dev"
local table_name = "Payments-" .. env
local count_to   = 1000     -- answers are counted up to here,
local show       = 3        -- and this many of them are shown

local function fail(message) -- which begins with AWS's error type, when it has one
  io.stderr:write("access-patterns: ", message, "\n")
  os.exit(4)
end

-- DynamoDB keeps no zeros at the end of a number. What is no integer comes as its exact text, so nothing is rounded.
local function money(amount)
  local whole, cents = tostring(amount):match "^([^.]+)%.?(%d*)$"
  return whole .. "." .. cents .. ("0"):rep(2 - #cents)
end

local function print_payment(p)
  print(("     %s  customer %s, loan %s no. %s, %s = %s + %s, %s %s, %s"):format(p.PaymentDateId, p.CustomerId, p.LoanId,
    p.PaymentNumber, money(p.PaymentAmount), money(p.PrincipalAmount), money(p.InterestAmount), p.PaymentMethod,
    p.PaymentStatus, p.TransactionId or "no transaction"))
end

local function ask(db, question, query)
  print("\n" .. question)
  -- The condition as DynamoDB gets it, with the values put in.
  local condition = query.KeyConditionExpression:gsub(":%w+", function(name)
    local value = query.ExpressionAttributeValues[name]
    return type(value) == "string" and '"' .. value .. '"' or tostring(value)
  end)
  print("   " .. (query.IndexName and "index " .. query.IndexName .. ": " or "table: ") .. condition)

  query.TableName, query.limit = table_name, count_to
  local count = 0
  for payment in db:query(query) do
    count = count + 1
    if count <= show then print_payment(payment) end
  end
  local more = count > show and ", the first " .. show .. " shown" or ""
  print(("   %s%d payment%s%s"):format(count == count_to and "at least " or "", count, count == 1 and "" or "s", more))
end

local db, connect_error = dynamodb.connect {}
if not db then fail(connect_error) end

local page, scan_error = db:call("Scan", { TableName = table_name, Limit = 200 })
if not page then fail(scan_error) end
if #page.Items == 0 then fail(table_name .. " is empty; run plan.lua first") end

print(table_name)

local any = dynamodb.decode_item(page.Items[1])
ask(db, ("What did customer %s pay, newest first?"):format(any.CustomerId), {
  KeyConditionExpression = "CustomerId = :c",
  ExpressionAttributeValues = { [":c"] = any.CustomerId },
  ScanIndexForward = false,
})

-- The status of another payment than a completed one, if the scan found one: few have it.
local rare = any
for _, item in ipairs(page.Items) do
  if item.PaymentStatus.S ~= "Completed" then rare = dynamodb.decode_item(item) break end
end
ask(db, ("Which payments are %s, since %s?"):format(rare.PaymentStatus, rare.PaymentDate), {
  IndexName = "PaymentStatusIndex",
  KeyConditionExpression = "PaymentStatus = :s AND PaymentDate >= :d",
  ExpressionAttributeValues = { [":s"] = rare.PaymentStatus, [":d"] = rare.PaymentDate },
})

ask(db, ("What was paid on loan %s?"):format(any.LoanId), {
  IndexName = "LoanPaymentIndex",
  KeyConditionExpression = "LoanId = :l",
  ExpressionAttributeValues = { [":l"] = any.LoanId },
})

ask(db, ("What is payment %s?"):format(any.PaymentId), {
  IndexName = "GSI4-PaymentId-Index",
  KeyConditionExpression = "PaymentId = :p",
  ExpressionAttributeValues = { [":p"] = any.PaymentId },
})
