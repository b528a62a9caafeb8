-- JSON columns as maps and lists, numbers exact. Without hlua.json a json, jsonb or text column is a string as it stands.
local hlua = require "hlua"

return hlua.plan {
  name   = "example-json",
  source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" },

  hlua.table {
    from = "shop.events",
    to   = "example-json",

    partition_key = { PK = "EVENT#{event_id}" },

    attributes = {
      Payload = hlua.json "payload",                             -- a jsonb column: it is always JSON
      Body    = hlua.json("body", { invalid = "string" }),       -- text; what is not JSON stays a string
      Parsed  = hlua.json("body", { invalid = "absent" }),       -- what is not JSON is left out
      -- { invalid = "reject" }, the default, rejects the row
      Raw     = hlua.column "body",
    },
  },
}
