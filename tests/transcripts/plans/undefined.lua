local hlua = require "hlua"
local env = os.getenv "ENVIRONMENT" or "dev"
return hlua.plan { name = "people-" .. tostirng(env) }
