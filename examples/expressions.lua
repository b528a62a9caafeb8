-- SQL where SQL is better: `columns` replaces a column by an expression or adds one, `where` narrows the rows.
-- A value that an expression cannot convert rejects its row, and the rest is moved.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-expressions",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from    = "shop.legacy",
    where   = "kind <> 'test'",
    columns = {
      created_at = "created_at::timestamp",      -- a varchar in the source
      year       = "extract(year FROM created_at::timestamp)::int",
    },
    to = "example-expressions",

    partition_key = { PK = "{kind}#{year}" },
    sort_key      = { SK = "{created_at:%Y-%m-%d}#{id}" },
    attributes    = { hlua.columns {} },
    max_rejects   = 10,                          -- at more of them the run stops; the same command goes on
  },
}
