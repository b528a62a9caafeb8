-- `hlua PLAN migrate`: copies the rows, shows how it goes, and tells what happened.
local closing  = require "hlua.report.closing"
local failure  = require "hlua.report.failure"
local pace     = require "hlua.pace"
local progress = require "hlua.report.progress"

local migrate = {}

-- Rows count once their chunk is done; what was written of others is told, too.
local function anything_read(summary)
  for _, t in ipairs(summary.tables) do
    if t.rows_read > 0 or t.this_time and t.this_time.items_written > 0 then return true end
  end
  return false
end

function migrate.run(context)
  local core, screen, emit, options = context.core, context.screen, context.emit, context.options
  local listener = progress.listener { screen = screen, emit = emit, stopping = core.stopping }
  progress.tell_warnings(context.low, listener)
  local ask = pace.of(context.low, options, core)
  local units, why = pace.first(ask, core)
  if not units then return failure.tell(why, emit) end
  listener.write_units = ask
  local summary, err = core.migrate(context.plan, options, listener)
  listener.finish()
  if options.dry_run then summary.before = core.status(context.plan, options) end
  err = err or closing.check_sum(summary)
  if not err or anything_read(summary) then
    closing.write(screen, summary, context.command, options)
  end
  local exit = summary.rejects > 0 and 5 or 0
  if err then exit = failure.tell(err, emit) end
  if emit then emit(closing.event(summary, options, exit)) end
  return exit
end

return migrate
