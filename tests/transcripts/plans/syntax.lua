local hlua = require "hlua"
return hlua.plan {
  name = "people"
  source = hlua.postgres {},
}
