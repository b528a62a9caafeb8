-- Both bodies as maps instead of strings; what is not JSON stays a string. The only plan here whose items are others.
local hlua = require "hlua"

return require "logs" ("bench-json", {
  keys = require "keys",
  attributes = {
    hlua.columns {},
    RequestData  = hlua.json("RequestData", { invalid = "string" }),
    ResponseData = hlua.json("ResponseData", { invalid = "string" }),
  },
})
