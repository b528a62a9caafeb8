-- Several tables in one plan: one run, one snapshot of the source, one ledger. A constant key is said by hlua.S.
local hlua = require "hlua"

local prefix = "example-several-"

local function customers_and(kind, from, key)
  return hlua.table {
    name = kind,                                 -- in reports; the target's name by default
    from = from,
    to   = prefix .. kind,
    partition_key = { PK = "CUSTOMER#{customer_id}" },
    sort_key      = { SK = key },
    attributes    = { hlua.columns { except = { "customer_id" } } },
  }
end

return hlua.plan {
  name   = "example-several-tables",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  customers_and("profiles", "shop.customers", hlua.S "PROFILE"),
  customers_and("orders", "shop.orders", "ORDER#{order_id:%06d}"),
}
