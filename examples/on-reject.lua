-- Rows that the mapping cannot take. on_reject is asked about each: it returns an item to write instead, nil to leave the row
-- rejected, or hlua.stop to end the run. Rows that are not rejected cost nothing more.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-on-reject",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.events",
    to   = "example-on-reject",

    partition_key = { PK = "EVENT#{event_id:%06d}" },
    attributes = {
      kind = hlua.column "kind",
      body = hlua.json "body",                   -- text that is not JSON rejects the row
    },

    on_reject = function(row, reject)
      if reject.reason ~= "json" then
        return hlua.stop(("no row but those of broken JSON may be left out (%s)"):format(reject.key))
      end
      return {                                   -- a whole item, by the rules of map
        PK    = ("EVENT#%06d"):format(row.event_id),
        kind  = row.kind,
        why   = reject.message,
        state = "to be looked at",
      }
    end,
  },
}
