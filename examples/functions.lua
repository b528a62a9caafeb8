-- Values that Lua functions make. function(row) gets the whole row; hlua.fn gets just the columns that it names, which is faster.
-- A function's type is not known before it runs, so a key says it: hlua.S, hlua.N or hlua.B.
local hlua = require "hlua"

local LARGE = 1000

local function size_of(total)
  return total >= LARGE and "large" or "small"   -- a numeric is an exact decimal: it compares with numbers
end

return hlua.plan {
  name   = "example-functions",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },
  mapping_timeout = 0.5,                          -- seconds for one row; a function that takes longer rejects it

  hlua.table {
    from = "shop.orders",
    to   = "example-functions",

    partition_key = { PK = hlua.S(hlua.fn({ "customer_id", "total" }, function(customer, total)
      return ("CUSTOMER#%d#%s"):format(customer, size_of(total))
    end)) },
    sort_key = { SK = "{order_id:%06d}" },        -- templates stand beside functions

    attributes = {
      hlua.columns { only = { "total" } },
      Quarter = function(row) return ("%d-Q%d"):format(row.placed_at.year, (row.placed_at.month + 2) // 3) end,
      Month   = hlua.fn({ "placed_at" }, function(at) return at:format("%Y-%m") end),
      Total   = function(row) return row.total end,                        -- N, in its own digits
      Cents   = hlua.fn({ "total" }, function(total) return hlua.N((tostring(total):gsub("%.", ""))) end), -- exact: no float
      Price   = hlua.fn({ "total", "currency" }, function(total, currency) return total .. " " .. currency end),
      Coupon  = function(row) return row.coupon and row.coupon:lower() end, -- nil leaves the attribute out
      Flags   = function(row) return { open = row.is_open, free = row.total:eq(0) } end,
      Late    = function(row) return row.is_open and row.placed_at < hlua.started end,
    },
  },
}
