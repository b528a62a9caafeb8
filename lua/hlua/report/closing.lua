-- The end of a run: what each table's rows became, whether that adds up, and what to do next.
local encode   = require "hlua.encode"
local format   = require "hlua.report.format"
local progress = require "hlua.report.progress"
local throttling = require "hlua.report.throttling"

local closing = {}

local SUM = "%s read = %s written + %s rejected + %s filtered + %s superseded"
local DRY_SUM = "%s read = %s to be written + %s to be rejected + %s filtered + %s superseded"

-- "rows read = written + rejected + filtered + superseded"; `dry`: of a run that wrote nothing.
function closing.sum_text(t, dry)
  return (dry and DRY_SUM or SUM):format(
    format.plural(t.rows_read, "row"), format.count(t.rows_written), format.count(t.rows_rejected),
    format.count(t.rows_filtered), format.count(t.rows_superseded))
end

-- Checks the sum of every table. Returns nil, or an error as hlua.core gives them.
function closing.check_sum(summary)
  local wrong
  for _, t in ipairs(summary.tables) do
    local sum = t.rows_written + t.rows_rejected + t.rows_filtered + t.rows_superseded
    if t.rows_read ~= sum then wrong = wrong or ("%s: %s"):format(t.name, closing.sum_text(t)) end
  end
  if not wrong and summary.sum_holds then return nil end
  return {
    kind = "local", exit = 8,
    text = "the sum does not add up" .. (wrong and ": " .. wrong or ""),
    hint = "this is a defect of hlua, not of your plan; keep the ledger, and compare the target with the source",
  }
end

-- What was written, by its items.
function closing.written_text(t)
  return ("%s, %s, %s"):format(format.plural(t.items_written, "item"), format.bytes(t.bytes),
    format.plural(t.write_units, "write unit"))
end

-- The seconds are of this process, the counts of the whole run and its chunks that are done: what this process has written is
-- told apart where it is not the same.
local function cost_text(t, summary)
  if summary.outcome == "already done" then return closing.written_text(t) end
  local items = t.this_time and t.this_time.items_written or 0
  local now = items == t.items_written and "" or ("; this time %s"):format(format.plural(items, "item"))
  local text = ("%s%s in %s"):format(closing.written_text(t), now, format.duration(t.seconds))
  if t.seconds <= 0 then return text end
  return ("%s (%s items/s)"):format(text, format.count(items / t.seconds))
end

-- What is on the target, and is not counted: a list of one line, or empty.
local function unfinished_lines(t, width)
  local count = t.this_time and t.this_time.items_unfinished or 0
  if count <= 0 then return {} end
  return { format.fold(("%s on the target already, of chunks that are not done: when the run goes on, they are read and written again")
    :format(format.plural(count, "more item is", "more items are")), width, "  ") }
end

-- What DynamoDB counted, where it is not what was computed: a list of one line, or empty.
function closing.consumed_lines(t, width)
  local found = t.consumed
  if not found or math.abs(found.units - found.computed) <= found.computed / 100 then return {} end
  return { format.fold(("DynamoDB counted %s where %s were computed: what was there before counts, too"):format(
    format.plural(found.units, "write unit"), format.count(found.computed)), width, "  ") }
end

-- The tables that a `to` with columns came to, as a list of one line; empty when `to` is one table.
function closing.target_lines(t, width)
  local names = t.targets
  if not names then return {} end
  if #names == 0 then return { "  into no table: no row of the source names one" } end
  local which = #names == 1 and names[1] or names[1] .. " to " .. names[#names]
  return { format.fold(("into %s, %s"):format(format.plural(#names, "table"), which), width, "  ") }
end

local function table_lines(screen, t, summary, written)
  local lines = { screen:paint("bold", format.printable(t.name)) .. "  from " .. format.printable(t.from or "a query") }
  if t.to ~= t.name then lines[1] = lines[1] .. " to " .. format.printable(t.to) end
  table.move(closing.target_lines(t, screen.width), 1, 1, #lines + 1, lines)
  lines[#lines + 1] = format.fold(closing.sum_text(t, not written), screen.width, "  ")
  if written then
    lines[#lines + 1] = format.fold(cost_text(t, summary), screen.width, "  ")
    table.move(unfinished_lines(t, screen.width), 1, 1, #lines + 1, lines)
  end
  table.move(closing.consumed_lines(t, screen.width), 1, 1, #lines + 1, lines)
  table.move(throttling.lines(t, screen.width), 1, 3, #lines + 1, lines)
  if t.snapshots > 1 then
    lines[#lines + 1] = format.fold(
      ("read in %d snapshots: what changed in the source between them may be there in either form"):format(t.snapshots),
      screen.width, "  ")
  end
  return lines
end

local words = { ["done"] = "done", ["already done"] = "done before: nothing was left to do", ["stopped"] = "stopped" }

-- What happened, in a few words.
local function outcome_text(summary, options)
  if options.dry_run and summary.outcome == "done" then return "dry run: nothing was written" end
  return words[summary.outcome] or summary.outcome
end

-- A command to type next, for the same run: "hlua plan.lua rejects --limit 10". `command` is "hlua plan.lua".
function closing.next_command(command, word, options)
  local parts = { command }
  if word then parts[2] = word end
  for _, name in ipairs { "where", "limit", "ledger" } do
    local value = options[name]
    if value then parts[#parts + 1] = ("--%s %s"):format(name, format.shell(tostring(value))) end
  end
  return table.concat(parts, " ")
end

-- What to do after looking without writing, by how far the run of this plan is: `before` is its status (core.status), or nil when the
-- ledger cannot be read, which is a run's to tell. `first` says what the first run is for.
function closing.first_step(before, first, command, options)
  if before and before.running then
    return ("process %d is running this plan; to see what it is doing:  %s"):format(before.owner_pid,
      closing.next_command(command, "control status", { ledger = options.ledger }))
  elseif before and before.found and before.finished then
    return "the run is finished; to write everything once more:  " .. closing.next_command(command, "--restart", options)
  elseif before and before.found then
    first = "to go on with the run that was begun"
  end
  return ("%s:  %s"):format(first, closing.next_command(command, nil, options))
end

-- What to do next: a list of lines. `command` is how the user called hlua with the plan: "hlua plan.lua".
function closing.next_steps(summary, command, options)
  local function to(word) return closing.next_command(command, word, options) end
  local steps = {}
  if summary.rejects > 0 and not options.dry_run then
    steps[#steps + 1] = ("%s rejected; to see why:  %s"):format(
      format.plural(summary.rejects, "row was", "rows were"), to "rejects")
  elseif summary.rejects > 0 then
    steps[#steps + 1] = ("%s be rejected"):format(format.plural(summary.rejects, "row would", "rows would"))
  end
  if summary.outcome == "stopped" and not options.dry_run then
    steps[#steps + 1] = "the same command goes on from here; to see where it stands:  " .. to "status"
  elseif options.dry_run and summary.outcome == "done" then
    steps[#steps + 1] = closing.first_step(summary.before, "to write it", command, options)
  elseif summary.outcome == "already done" then
    steps[#steps + 1] = "to write everything once more:  " .. to "--restart"
  elseif summary.rejects == 0 then
    steps[#steps + 1] = "nothing is left to do: the same command again writes nothing"
  end
  return steps
end

-- Writes the closing screen, after the last of the progress. `options` are the command's.
function closing.write(screen, summary, command, options)
  for _, t in ipairs(summary.tables) do
    for _, line in ipairs(table_lines(screen, t, summary, not options.dry_run)) do screen:line(line) end
  end
  local good = summary.outcome ~= "stopped" and summary.rejects == 0
  screen:line(screen:paint(good and "green" or "yellow", outcome_text(summary, options)))
  for _, step in ipairs(closing.next_steps(summary, command, options)) do screen:line(step) end
end

-- A table of the summary event; `from` is null for a query, `targets` is there when `to` is a template.
function closing.table_event(t)
  local fields = { { "name", t.name }, { "from", t.from or encode.null }, { "to", t.to } }
  table.move(progress.counts(t), 1, 8, #fields + 1, fields)
  fields[#fields + 1] = { "seconds", t.seconds }
  fields[#fields + 1] = { "chunks", t.chunks }
  fields[#fields + 1] = { "chunks_done", t.chunks_done }
  fields[#fields + 1] = { "snapshots", t.snapshots }
  fields[#fields + 1] = { "consumed", progress.consumed(t) }
  fields[#fields + 1] = { "throttling", throttling.event(t) }
  fields[#fields + 1] = { "this_time", progress.this_time(t) }
  if t.targets then fields[#fields + 1] = { "targets", encode.array(t.targets) } end
  return encode.object(fields)
end

-- The last event of a run. `exit` is the exit code that follows.
function closing.event(summary, options, exit)
  local tables = {}
  for i, t in ipairs(summary.tables) do tables[i] = closing.table_event(t) end
  return encode.object {
    { "event", "summary" },
    { "tables", encode.array(tables) },
    { "outcome", summary.outcome },
    { "dry_run", options.dry_run or false },
    { "rejects", summary.rejects },
    { "resumes", summary.resumes },
    { "sum_holds", summary.sum_holds },
    { "exit", exit },
  }
end

return closing
