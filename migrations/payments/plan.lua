#!/usr/bin/env hlua
-- Moves dbo."Payments", each with its customer, to the DynamoDB table Payments-{env}; README.md tells the whole story.
-- Reads HLUA_SOURCE (a libpq connection string), ENVIRONMENT (dev, test or prod; dev by default) and AWS_REGION.
local hlua = require "hlua"

local env = os.getenv "ENVIRONMENT" or "dev"

return hlua.plan {
  name   = "payments-" .. env,
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },
  target = hlua.dynamodb { region = os.getenv "AWS_REGION" },

  hlua.table {
    -- A payment knows its loan only. LEFT JOIN, so that one whose customer is not found is rejected by name, not lost
    -- in the join. {range} becomes the bounds of a chunk: PaymentId is read in ranges, and a stopped run goes on.
    query = [[
      SELECT p.*, a."CustomerId"
      FROM dbo."Payments" AS p
      LEFT JOIN dbo."Loans" AS l ON l."LoanId" = p."LoanId"
      LEFT JOIN dbo."Applications" AS a ON a."ApplicationId" = l."ApplicationId"
      WHERE {range}
    ]],
    key = { "PaymentId" },
    to  = "Payments-" .. env,

    -- In order of time, and unique by the payment's number.
    partition_key = { CustomerId = hlua.N "{CustomerId}" },
    sort_key      = { PaymentDateId = "{PaymentDate:%Y-%m-%dT%H:%M:%SZ}#{PaymentId}" },

    -- Keys that are attributes already: named, not made.
    global_secondary_indexes = {
      hlua.index { "GSI4-PaymentId-Index", partition_key = "PaymentId",     projection = "ALL" },
      hlua.index { "PaymentStatusIndex",   partition_key = "PaymentStatus", sort_key = "PaymentDate",   projection = "ALL" },
      hlua.index { "LoanPaymentIndex",     partition_key = "LoanId",        sort_key = "PaymentDateId", projection = "ALL" },
    },

    -- Every column under its own name; numeric(10,2) becomes a number with the same value, to the cent.
    attributes = { hlua.columns {} },

    billing_mode = "PAY_PER_REQUEST",
  },
}
