-- What is shown of a rehearsal (hlua.report.rehearsed), without one.
local encode    = require "hlua.encode"
local rehearsed = require "hlua.report.rehearsed"
local screen    = require "hlua.report.screen"

local LOW = { name = "logs", tables = { { on_reject = -1 } } }

local function a_rehearsal(changes)
  local found = {
    tables = { { name = "Logs", from = "logs", to = "Logs", chunks = 40, rows_read = 200000, rows_rejected = 0, rows_filtered = 0,
      rows = 2e6, items = 2e6, bytes = 1e9, write_units = 8e6 } },
    targets = { { name = "Logs", exists = false } },
    periods = {
      { from = 0.0, to = 400.0, limit = "warm throughput", table = "Logs" },
      { from = 400.0, to = 500.0, limit = "partition", table = "Logs", index = "GSI3", key = "GSI3PK=ERROR#true#2024-03-01", keys = 13 },
    },
    changes = {
      { change = "warm", seconds = 160.0, write_units = 12345.0 },
      { change = "shards", seconds = 420.0, table = "Logs", index = "GSI3", shards = 10 },
      { change = "key order", seconds = 2000.0 },
    },
    sampled = true, full = false, client_rows = 150000.0, seconds = 500.0, refused = 1000.0, together_seconds = 500.0, took = 2.0,
  }
  for name, value in pairs(changes or {}) do found[name] = value end
  return found
end

local function shown(found, units, asked_once, low)
  local file = { text = "", flush = function() end }
  function file:write(...) self.text = self.text .. table.concat { ... } return self end
  rehearsed.write(screen.new { file = file, width = 100 }, low or LOW, found, units or 0, asked_once)
  return file.text
end

-- Wherever lines are folded.
local function has(text, part) assert.is_truthy(text:gsub("%s+", " "):find(part, 1, true), text) end

describe("the screen of a rehearsal", function()
  it("says how long it takes, what limits it when, and what a change would make of it", function()
    local text = shown(a_rehearsal())
    has(text, "plan logs would take 8m 20s")
    has(text, "2,000,000 rows of about 500 bytes and 4 write units, of which 200,000 were read all over the source")
    has(text, "4,000 rows a second, 4,000 items, 16,000 write units")
    has(text, "its table will be new")
    has(text, "0.0 s to 6m 40s the warm throughput of Logs")
    has(text, "6m 40s to 8m 20s GSI3PK=ERROR#true#2024-03-01 and 12 others, in index GSI3 of Logs")
    has(text, "2m 40s tables warmed beforehand to 13,000 write units a second")
    has(text, "10 shards in the partition key of index GSI3 of Logs")
    has(text, "33m 20s not shuffled")
    has(text, "nothing was written")
    assert.is_nil(text:find("quota", 1, true))
  end)
  it("tells a change that is part of all, and makes no difference alone, as that", function()
    local text = shown(a_rehearsal { changes = { { change = "warm", seconds = 160.0, write_units = 12345.0 },
      { change = "shards", seconds = 498.0, table = ("Logs-"):rep(12), index = "GSI3", shards = 10 },
      { change = "all", seconds = 90.0 } } })
    has(text, "#{column:shard(10)}; no difference alone, but with the others 1m 30s all of these")
    assert.is_truthy(text:find("\n            [^ ]"), text) -- folded, and not cut
    has(text, "(WarmThroughput) 8m 18s 10 shards")
  end)
  it("of a few rows tells no limit of no length", function()
    local text = shown(a_rehearsal { seconds = 0.01, together_seconds = 0.01, changes = {},
      periods = { { from = 0.0, to = 0.01, limit = "answers" } } })
    assert.is_nil(text:find("what limits", 1, true), text)
  end)
  it("tells the other reading of the quota where it differs", function()
    has(shown(a_rehearsal { together_seconds = 900.0 }), "15m 00s if the account's quota is that of a table together with its indexes")
  end)
  it("names the rate asked for, and the machine", function()
    local periods = { { from = 0.0, to = 250.0, limit = "rate asked for" }, { from = 250.0, to = 500.0, limit = "client" } }
    local text = shown(a_rehearsal { periods = periods }, 16000)
    has(text, "the rate asked for, 16,000 write units a second")
    has(text, "this machine: it reads and maps about 150,000 rows a second")
  end)
  it("says when the target could not be looked at, and how warm it is when it could", function()
    has(shown(a_rehearsal { target_unknown = "no region" }), "taken to be new, since the target cannot be looked at: no region")
    has(shown(a_rehearsal { targets = { { name = "Logs", exists = true, warm = 40000.0 } } }),
      "1 table is there, warm for 40,000 write units a second")
  end)
  it("says what is not as the run will be", function()
    local rejected = a_rehearsal()
    rejected.tables[1].rows_rejected = 7
    has(shown(rejected), "7 rows of those read would be rejected: check says why")
    has(shown(rejected, 0, false, { name = "logs", tables = { { on_reject = 0 } } }),
      "7 rows of those read cannot be mapped; what on_reject makes of them is not played")
    has(shown(a_rehearsal(), 2000, true), "played at 2,000 write units a second, as the plan's write_units gives now")
    assert.is_nil(shown(a_rehearsal(), 2000):find("played at", 1, true))
  end)
  it("of an empty source says so", function()
    local none = { name = "Logs", to = "Logs", chunks = 1, rows_read = 0, rows_rejected = 0, rows_filtered = 0, rows = 0.0, items = 0.0,
      bytes = 0.0, write_units = 0.0 }
    local text = shown(a_rehearsal { tables = { none }, periods = {}, changes = {}, seconds = 0.0, together_seconds = 0.0,
      sampled = false })
    has(text, "would take less than 0.1 s")
    has(text, "0 rows, all of them read")
  end)
end)

describe("the event of a rehearsal", function()
  it("has all of it", function()
    local text = encode.text(rehearsed.event(LOW, a_rehearsal(), 0))
    has(text, '"event":"rehearsal","plan":"logs","seconds":500')
    has(text, '"rate_asked":null,"sampled":true')
    has(text, '"rows":2000000,"items":2000000,"bytes":1000000000,"write_units":8000000')
    has(text, '"index":"GSI3","key":"GSI3PK=ERROR#true#2024-03-01","keys":13')
    has(text, '{"change":"warm","seconds":160')
  end)
end)
