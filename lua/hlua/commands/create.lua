-- `hlua PLAN create`: makes the tables that are missing, and compares those that are there.
local encode   = require "hlua.encode"
local failure  = require "hlua.report.failure"
local format   = require "hlua.report.format"
local progress = require "hlua.report.progress"

local create = {}

function create.run(context)
  local core, screen, emit = context.core, context.screen, context.emit
  local listener = progress.listener { screen = screen, emit = emit, stopping = core.stopping }
  local created, err = core.create(context.plan, listener)
  listener.finish()
  if not created then return failure.tell(err, emit) end
  local total = #context.low.tables
  if created == 0 then
    screen:line("nothing to create: " .. (total == 1 and "the table is there, as the plan says"
      or "the tables are there, as the plan says"))
  else
    screen:line(("created %s"):format(format.plural(created, "table")))
  end
  if emit then emit(encode.object { { "event", "created" }, { "created", created }, { "tables", total } }) end
  return 0
end

return create
