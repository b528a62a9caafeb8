hlua good.lua check --rows x --json; hlua good.lua chekc --json; hlua nothere.lua --json; hlua help chekc --json; hlua --josn good.lua --json; hlua good.lua rejects --retry --export x --json
