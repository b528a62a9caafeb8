-- What is seen of a run: live blocks, plain lines, events, the closing screen (hlua.report.*), without a run.
local closing  = require "hlua.report.closing"
local encode   = require "hlua.encode"
local failure  = require "hlua.report.failure"
local format   = require "hlua.report.format"
local progress = require "hlua.report.progress"
local running  = require "hlua.report.running"
local screen   = require "hlua.report.screen"

-- A file that remembers.
local function memory()
  return {
    text = "",
    write = function(self, ...) self.text = self.text .. table.concat { ... } return self end,
    flush = function() end,
  }
end

local function a_table(changes)
  local t = {
    name = "Logs-dev", from = "public.logs", to = "Logs-dev", rows_read = 1234567, rows_written = 1234555,
    rows_rejected = 12, rows_filtered = 0, rows_superseded = 0,
    items_written = 1234555, bytes = 617283500, write_units = 4938268,
    seconds = 2.5, rows_estimated = 2000000.0, chunks = 10, chunks_done = 5, snapshots = 1, done = 0.5,
    items_per_second = 123456.7, units_per_second = 400000.0, in_flight = 1250, retries = 3, eta_seconds = 125.0,
    this_time = { items_written = 1234555, write_units = 4938268, items_unfinished = 0 },
  }
  for name, value in pairs(changes or {}) do t[name] = value end
  return t
end

local function a_progress(changes)
  local p = { state = "writing", elapsed_seconds = 12.0, snapshot_age_seconds = 12.0, tables = { a_table() } }
  for name, value in pairs(changes or {}) do p[name] = value end
  return p
end

local function a_summary(t, changes)
  local s = { outcome = "done", rejects = t.rows_rejected, resumes = 0, sum_holds = true, tables = { t } }
  for name, value in pairs(changes or {}) do s[name] = value end
  return s
end

local function plain_paint(_, text) return text end

-- A listener on a screen in memory; returns it, the file, and the events.
local function listening(options)
  local file, events = memory(), {}
  local on = screen.new { file = file, live = options.live, width = 80 }
  local listener = progress.listener {
    screen = on,
    emit = options.json and function(event) events[#events + 1] = encode.text(event) end or nil,
    stopping = options.stopping or function() return false end,
  }
  return listener, file, events
end

describe("the live block", function()
  it("has a line a table, a heading and the state", function()
    assert.same({
      "table               done    rows items/s    WU/s flight retries rejects    left",
      "Logs-dev             50%   1.23M 123,457 400,000  1,250       3      12  2m 05s",
      "writing, 12 s",
    }, progress.block(a_progress(), 79, plain_paint))
  end)
  it("fits its width, whatever the numbers and names", function()
    local t = a_table { name = ("x"):rep(200), rows_read = 9e12 // 1, items_per_second = 9e9, units_per_second = 9e9,
      in_flight = 999999, retries = 999999, rows_rejected = 999999, eta_seconds = 9e6 }
    local p = a_progress { tables = { t }, detail = ("the target said no "):rep(20) }
    for _, width in ipairs { 79, 99 } do
      for _, line in ipairs(progress.block(p, width, plain_paint)) do
        assert.is_true(format.width(line) <= width, line)
      end
    end
  end)
  it("says that the time left is not known", function()
    local t = a_table()
    t.eta_seconds = nil
    assert.truthy(progress.block(a_progress { tables = { t } }, 79, plain_paint)[2]:find " %?$")
  end)
  it("tells the snapshot's age once it matters, and what is waited for", function()
    assert.equal("throttled, 2m 05s, snapshot 2m 00s old, trying again in 0.8 s",
      progress.state(a_progress { state = "throttled", elapsed_seconds = 125.0, snapshot_age_seconds = 120.0,
        detail = "trying again in 0.8 s" }))
  end)
end)

describe("control status", function()
  it("says the state once, and a paragraph a table", function()
    assert.same({
      "plan logs: migrating, begun 12 s ago",
      "Logs-dev: 50% done, about 2m 05s left",
      "  1,234,567 rows read, 1,234,555 items written, 12 rows rejected",
      "  123,457 items/s, 400,000 write units/s, 1,250 items in flight, 3 sent again",
    }, running.lines("logs", a_progress { state = "migrating" }, 100))
  end)
  it("tells no rate and no time of a run that is paused", function()
    assert.same({
      "plan logs: paused, begun 2m 05s ago",
      "  at most 2,000 write units/s are asked for",
      "  its snapshot of the source is 2m 05s old",
      "Logs-dev: 50% done",
      "  1,234,567 rows read, 1,234,555 items written, 12 rows rejected",
      "  0 items in flight, 3 sent again",
    }, running.lines("logs", a_progress { state = "paused", elapsed_seconds = 125.0, snapshot_age_seconds = 125.0,
      write_units_asked = 2000.0, tables = { a_table { in_flight = 0 } } }, 100))
  end)
  it("tells at once that a paused run holds a snapshot", function()
    local function told(state) return table.concat(running.lines("logs", a_progress { state = state, snapshot_age_seconds = 3.0 }, 100)) end
    assert.truthy(told("paused"):find("its snapshot of the source is 3.0 s old", 1, true))
    assert.falsy(told("migrating"):find("snapshot", 1, true))
  end)
  it("says so when DynamoDB counts other units than the rate shows", function()
    local function told(units)
      local t = a_table { consumed = { units = units, computed = 4000 } }
      return table.concat(running.lines("logs", a_progress { write_units_asked = 2000.0, tables = { t } }, 100))
    end
    assert.truthy(told(1000):find("DynamoDB counted 1,000 write units where 4,000 were computed", 1, true))
    assert.truthy(told(1000):find("400,000 write units/s as computed, ", 1, true))
    assert.falsy(told(4000):find("computed", 1, true))
  end)
  it("tells what limits it", function()
    local t = a_table { pace = 3839.4, throttling = { refused_units = 500, reasons = { HotKey = 500 }, key = "day-0",
      index = "ByDay" } }
    local text = table.concat(running.lines("logs", a_progress { state = "throttled", tables = { t },
      detail = "trying again in 0.8 s" }, 60), "\n")
    for _, part in ipairs { "throttled, begun 12 s ago\n  trying again in 0.8 s\n", "\n  DynamoDB takes about 3,839 write units/s of it\n",
      "\n  limited by partition key day-0 of index ByDay\n  what would help: " } do
      assert.truthy(text:find(part, 1, true), text)
    end
    for line in text:gmatch "[^\n]+" do assert.is_true(format.width(line) <= 60, line) end
  end)
  it("tells no pace that does not hold the table back", function()
    local text = table.concat(running.lines("logs", a_progress { tables = { a_table { pace = 1e6 } } }, 60), "\n")
    assert.falsy(text:find("DynamoDB takes", 1, true), text)
  end)
end)

describe("a terminal", function()
  it("is redrawn in place", function()
    local listener, file = listening { live = true }
    listener.progress(a_progress())
    local first = file.text
    listener.progress(a_progress())
    assert.equal(first .. "\27[3A\r\27[J" .. first, file.text)
  end)
  it("keeps notices above the block", function()
    local listener, file = listening { live = true }
    listener.progress(a_progress())
    local before = #file.text
    listener.notice "a warning"
    assert.equal("\27[3A\r\27[Ja warning\n", file.text:sub(before + 1))
  end)
  it("leaves what an interrupt wrote", function()
    local stopping = false
    local listener, file = listening { live = true, stopping = function() return stopping end }
    listener.progress(a_progress())
    local first = file.text
    stopping = true
    listener.progress(a_progress())
    assert.equal(first .. first, file.text)
    listener.finish()
    assert.equal(first .. first .. "\27[3A\r\27[J", file.text)
  end)
end)

describe("elsewhere", function()
  it("there is a line a table every ten seconds", function()
    local listener, file = listening {}
    for elapsed = 0, 25 do listener.progress(a_progress { elapsed_seconds = elapsed + 0.0 }) end
    local _, lines = file.text:gsub("\n", "")
    assert.equal(2, lines)
    assert.equal("Logs-dev: 50% done, 1,234,567 rows, 123,457 items/s, 400,000 write units/s, 1,250 in flight, "
      .. "3 retries, 12 rejects, 2m 05s left (writing, 10 s)", file.text:match "^[^\n]*")
    assert.falsy(file.text:find("\27", 1, true))
  end)
end)

describe("events", function()
  it("of progress come each second, the first at once", function()
    local listener, _, events = listening { json = true }
    for i = 0, 8 do listener.progress(a_progress { elapsed_seconds = i * 0.25 }) end
    assert.equal(3, #events)
    assert.equal('{"event":"progress","state":"writing","detail":null,"write_units_asked":null,"elapsed_seconds":0,'
      .. '"snapshot_age_seconds":12,"tables":[{"name":"Logs-dev","done":0.5,"rows_read":1234567,'
      .. '"rows_written":1234555,"rows_rejected":12,"rows_filtered":0,"rows_superseded":0,"items_written":1234555,'
      .. '"bytes":617283500,"write_units":4938268,"items_per_second":123456.7,"units_per_second":400000,"in_flight":1250,"retries":3,'
      .. '"eta_seconds":125,"pace":null,"consumed":null,"throttling":null}]}',
      events[1])
  end)
  it("of notices come at once", function()
    local listener, _, events = listening { json = true }
    listener.notice "a fact"
    assert.same({ '{"event":"notice","text":"a fact"}' }, events)
  end)
  it("close with the summary", function()
    local t = a_table { to = "Logs" }
    t.from = nil
    assert.equal('{"event":"summary","tables":[{"name":"Logs-dev","from":null,"to":"Logs","rows_read":1234567,'
      .. '"rows_written":1234555,"rows_rejected":12,"rows_filtered":0,"rows_superseded":0,"items_written":1234555,'
      .. '"bytes":617283500,"write_units":4938268,"seconds":2.5,"chunks":10,"chunks_done":5,"snapshots":1,"consumed":null,'
      .. '"throttling":null,"this_time":{"items_written":1234555,"write_units":4938268,"items_unfinished":0}}],'
      .. '"outcome":"done","dry_run":false,"rejects":12,"resumes":0,"sum_holds":true,"exit":5}',
      encode.text(closing.event(a_summary(t), {}, 5)))
  end)
end)

describe("the closing screen", function()
  local function written(summary, options)
    local file = memory()
    closing.write(screen.new { file = file, width = 100 }, summary, "hlua plan.lua", options or {})
    return file.text
  end

  it("has the sum, what was written, and what to do next", function()
    assert.equal([[
Logs-dev  from public.logs
  1,234,567 rows read = 1,234,555 written + 12 rejected + 0 filtered + 0 superseded
  1,234,555 items, 617.3 MB, 4,938,268 write units in 2.5 s (493,822 items/s)
done
12 rows were rejected; to see why:  hlua plan.lua rejects
]], written(a_summary(a_table())))
  end)
  it("tells what was refused, the key that limits, and what would help", function()
    local t = a_table { rows_rejected = 0, rows_written = 1234567, throttling = { refused_units = 1061732, key = "day-7", index = "ByDay",
      reasons = { UnprocessedItems = 1000000, IndexWriteKeyRangeThroughputExceeded = 61732 } } }
    local text = written(a_summary(t, { rejects = 0 }))
    assert.truthy(text:find("1,061,732 write units were refused and sent again, 17.7 %% of those sent"), text)
    assert.truthy(text:find("limited by partition key day%-7 of index ByDay"), text)
    assert.truthy(text:find("shard(16)", 1, true), text)
  end)
  it("tells what DynamoDB counted where it is not what was computed", function()
    local function told(units) return written(a_summary(a_table { consumed = { units = units, computed = 4938268 } })) end
    assert.truthy(told(9876536):find("DynamoDB counted 9,876,536 write units where 4,938,268 were computed", 1, true))
    assert.truthy(told(1234567):find "DynamoDB counted 1,234,567")
    assert.falsy(told(4938270):find "DynamoDB counted")
    assert.equal('{"units":5,"computed":4}', encode.text(progress.consumed(a_table { consumed = { units = 5, computed = 4 } })))
  end)
  it("advises by the limit that refused", function()
    local throttling = require "hlua.report.throttling"
    local function advice(reason) return throttling.advice { reasons = { UnprocessedItems = 9, [reason] = 1 } } end
    assert.truthy(advice("IndexWriteProvisionedThroughputExceeded"):find "provisioned write units of the index")
    assert.truthy(advice("TableWriteMaxOnDemandThroughputExceeded"):find "maximum write units that the table")
    assert.truthy(advice("TableWriteAccountLimitExceeded"):find "quota")
    assert.truthy(advice("TableWriteKeyRangeThroughputExceeded"):find "warm throughput of the table")
  end)
  it("of a stopped run tells the rate of what was written, and what is written again", function()
    local t = a_table { rows_rejected = 0, rows_read = 5000, rows_written = 5000, items_written = 5000, write_units = 10000,
      bytes = 500000, this_time = { items_written = 24000, write_units = 48000, items_unfinished = 19000 },
      throttling = { refused_units = 16000, reasons = { UnprocessedItems = 16000 } } }
    local text = written(a_summary(t, { outcome = "stopped" })):gsub("%s+", " ")
    for _, part in ipairs { " 5,000 items, 500.0 kB, 10,000 write units; this time 24,000 items in 2.5 s (9,600 items/s) ",
      " 19,000 more items are on the target already, of chunks that are not done: when the run goes on, they are read and written again ",
      "16,000 write units were refused and sent again, 25.0 % of those sent" } do
      assert.truthy(text:find(part, 1, true), text)
    end
    assert.truthy(table.concat(running.lines("logs", a_progress { tables = { t } }, 100)):find("25.0 % of those sent", 1, true))
  end)
  it("of a run whose every request was refused says so", function()
    local t = a_table { items_written = 0, throttling = { refused_units = 9, reasons = { UnprocessedItems = 9 } } }
    t.this_time = nil
    local text = written(a_summary(t, { outcome = "stopped" }))
    assert.truthy(text:find("100.0 % of those sent", 1, true), text)
    assert.falsy(text:find("more item", 1, true), text)
  end)
  it("of a resumed run tells what this time wrote, and the snapshots", function()
    local t = a_table { name = "logs", rows_read = 1, rows_written = 1, rows_rejected = 0, items_written = 30,
      bytes = 100, write_units = 1, snapshots = 2, this_time = { items_written = 10, write_units = 10, items_unfinished = 0 } }
    t.from = nil
    assert.equal([[
logs  from a query to Logs-dev
  1 row read = 1 written + 0 rejected + 0 filtered + 0 superseded
  30 items, 100 bytes, 1 write unit; this time 10 items in 2.5 s (4 items/s)
  read in 2 snapshots: what changed in the source between them may be there in either form
done
nothing is left to do: the same command again writes nothing
]], written(a_summary(t, { resumes = 1 })))
  end)
  it("of a dry run says what would be", function()
    assert.equal([[
Logs-dev  from public.logs
  1,234,567 rows read = 1,234,555 to be written + 12 to be rejected + 0 filtered + 0 superseded
dry run: nothing was written
12 rows would be rejected
to write it:  hlua plan.lua
]], written(a_summary(a_table()), { dry_run = true }))
    local function last(before)
      local lines = written(a_summary(a_table(), { before = before }), { dry_run = true, limit = 3 })
      return lines:match "([^\n]+)\n$"
    end
    assert.equal("to go on with the run that was begun:  hlua plan.lua --limit 3", last { found = true })
    assert.equal("the run is finished; to write everything once more:  hlua plan.lua --restart --limit 3",
      last { found = true, finished = true })
    assert.equal("process 17 is running this plan; to see what it is doing:  hlua plan.lua control status",
      last { found = true, running = true, owner_pid = 17 })
    assert.equal("to write it:  hlua plan.lua --limit 3", last { found = false })
  end)
  it("of a run that was done before tells no time", function()
    local t = a_table { rows_rejected = 0, rows_written = 1234567 }
    assert.truthy(written(a_summary(t, { outcome = "already done" })):find([[
  1,234,555 items, 617.3 MB, 4,938,268 write units
done before: nothing was left to do
to write everything once more:  hlua plan.lua --restart
]], 1, true))
  end)
  it("names the next command with what tells the run apart", function()
    local options = { limit = 10, where = "a = 'b'", ledger = "x.db", jobs = 4 }
    assert.equal([[12 rows were rejected; to see why:  hlua plan.lua rejects --where 'a = '\''b'\''' --limit 10 ]]
      .. "--ledger x.db", closing.next_steps(a_summary(a_table()), "hlua plan.lua", options)[1])
  end)
  it("of a stopped run says how to go on", function()
    assert.truthy(written(a_summary(a_table(), { outcome = "stopped" })):find(
      "the same command goes on from here; to see where it stands:  hlua plan.lua status", 1, true))
  end)
  it("has no colours but where they are wanted", function()
    assert.falsy(written(a_summary(a_table())):find("\27", 1, true))
  end)
end)

describe("the sum", function()
  it("that adds up is no error", function() assert.is_nil(closing.check_sum(a_summary(a_table()))) end)
  it("that does not is exit 8, with its numbers", function()
    local err = closing.check_sum(a_summary(a_table { rows_written = 1 }))
    assert.equal(8, err.exit)
    assert.equal("the sum does not add up: Logs-dev: 1,234,567 rows read = 1 written + 12 rejected + 0 filtered + "
      .. "0 superseded", err.text)
  end)
  it("that the engine doubts is one as well", function()
    assert.equal(8, closing.check_sum(a_summary(a_table(), { sum_holds = false })).exit)
  end)
end)

describe("an error", function()
  it("has a prefix and its hint", function()
    assert.equal("hlua: cannot connect\nhint: start it",
      failure.text { kind = "source", exit = 3, text = "cannot connect", hint = "start it" })
  end)
  it("of a plan stands as it is, when it tells its own place", function()
    local function text_of(text) return failure.text { kind = "plan", exit = 1, text = text } end
    assert.equal("plan.lua:3: name is missing", text_of "plan.lua:3: name is missing")
    assert.equal("hlua: the plan has changed: key", text_of "the plan has changed: key")
  end)
  it("is an event for programs", function()
    assert.equal('{"event":"error","kind":"target","exit":4,"text":"no table","hint":null,"code":"NotFound"}',
      encode.text(failure.event { kind = "target", exit = 4, text = "no table", code = "NotFound" }))
  end)
end)
