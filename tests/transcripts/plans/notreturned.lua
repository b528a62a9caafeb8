local hlua = require "hlua"
hlua.plan { name = "people" }
