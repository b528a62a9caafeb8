-- `hlua PLAN status`: where the migration stands, by its ledger; also while another process runs it.
local closing  = require "hlua.report.closing"
local encode   = require "hlua.encode"
local failure  = require "hlua.report.failure"
local format   = require "hlua.report.format"
local progress = require "hlua.report.progress"

local status = {}

-- An empty text is one that the ledger does not know.
local function known(text) return text ~= nil and text ~= "" and text or nil end

local function state_of(s)
  if not s.found then return "not started" end
  if s.running then return "running" end
  return s.finished and "finished" or "stopped"
end

local function state_text(s)
  local state, started, updated = state_of(s), known(s.started), known(s.updated)
  if state == "running" then
    return ("running, process %d%s%s"):format(s.owner_pid, known(s.owner_host) and " on " .. s.owner_host or "",
      started and ", started " .. started or "")
  end
  return updated and ("%s, last change %s"):format(state, updated) or state
end

local function table_lines(screen, t)
  local share = t.chunks > 0 and t.chunks_done / t.chunks or 0
  local lines = {
    ("%s  %s, %s of %s done"):format(screen:paint("bold", format.printable(t.name)), format.percent(share),
      format.count(t.chunks_done), format.plural(t.chunks, "chunk")),
  }
  table.move(closing.target_lines(t, screen.width), 1, 1, #lines + 1, lines)
  lines[#lines + 1] = format.fold(closing.sum_text(t), screen.width, "  ")
  lines[#lines + 1] = format.fold(closing.written_text(t), screen.width, "  ")
  return lines
end

-- One time that rejected rows were read again.
local function retry_text(r)
  local parts = { ("rejected rows read again %s: %s"):format(r.began, closing.sum_text(r)) }
  if r.gone > 0 then parts[#parts + 1] = ("%s gone from the source"):format(format.plural(r.gone, "row")) end
  if r.mapping_changed then parts[#parts + 1] = "the mapping had changed" end
  if not r.ended then parts[#parts + 1] = "not ended" end
  return table.concat(parts, "; ")
end

local function retry_event(r)
  local fields = { { "began", r.began }, { "ended", r.ended or encode.null }, { "mapping_changed", r.mapping_changed } }
  table.move(progress.counts(r), 1, 5, #fields + 1, fields) -- the first five are of rows
  fields[#fields + 1] = { "gone", r.gone }
  return encode.object(fields)
end

-- The list of rejects has those of chunks that are not done as well, which the tables' sums leave out.
local function rejects_text(s, command, options)
  local counted = 0
  for _, t in ipairs(s.summary.tables) do counted = counted + t.rows_rejected end
  local more = s.summary.rejects - counted
  return ("%s rejected%s; to see why:  %s"):format(format.plural(s.summary.rejects, "row was", "rows were"),
    more > 0 and (", %s in chunks that are not done"):format(counted == 0 and "all" or format.count(more)) or "",
    closing.next_command(command, "rejects", options))
end

-- What to do next: a list of lines.
local function next_steps(s, command, options)
  local state, steps = state_of(s), {}
  if s.summary.rejects > 0 then steps[1] = rejects_text(s, command, options) end
  if state == "not started" then
    steps[#steps + 1] = "to start it:  " .. closing.next_command(command, nil, options)
  elseif state == "stopped" then
    steps[#steps + 1] = "these are the chunks that are done; to go on with the others:  " .. closing.next_command(command, nil, options)
  elseif state == "running" then
    steps[#steps + 1] = "these are the chunks that are done; to see what it is doing:  " ..
      closing.next_command(command, "control status", { ledger = options.ledger })
  end
  return steps
end

local function event(s, name)
  local tables = {}
  for i, t in ipairs(s.summary.tables) do tables[i] = closing.table_event(t) end
  local retries = {}
  for i, r in ipairs(s.retries) do retries[i] = retry_event(r) end
  return encode.object {
    { "event", "status" },
    { "plan", name },
    { "state", state_of(s) },
    { "tables", encode.array(tables) },
    { "rejects", s.summary.rejects },
    { "resumes", s.summary.resumes },
    { "retries", encode.array(retries) },
    { "owner_pid", s.running and s.owner_pid or encode.null },
    { "owner_host", s.running and known(s.owner_host) or encode.null },
    { "started", known(s.started) or encode.null },
    { "updated", known(s.updated) or encode.null },
  }
end

function status.run(context)
  local s, err = context.core.status(context.plan, context.options)
  if not s then return failure.tell(err, context.emit) end
  if context.emit then
    context.emit(event(s, context.low.name))
    return 0
  end
  local screen = context.screen
  screen:line(("plan %s: %s"):format(format.printable(context.low.name), state_text(s)))
  if s.found then
    for _, t in ipairs(s.summary.tables) do
      for _, line in ipairs(table_lines(screen, t)) do screen:line(line) end
    end
    for _, r in ipairs(s.retries) do screen:line(format.fold(retry_text(r), screen.width, "")) end
  end
  for _, step in ipairs(next_steps(s, context.command, context.options)) do screen:line(step) end
  return 0
end

return status
