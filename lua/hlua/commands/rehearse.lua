-- `hlua PLAN rehearse`: plays the source's keys against a model of DynamoDB's limits; writes nothing.
local failure   = require "hlua.report.failure"
local pace      = require "hlua.pace"
local progress  = require "hlua.report.progress"
local rehearsed = require "hlua.report.rehearsed"

local rehearse = {}

function rehearse.run(context)
  local core, screen, emit, options, low = context.core, context.screen, context.emit, context.options, context.low
  local listener = progress.listener { screen = screen, emit = emit, stopping = core.stopping }
  progress.tell_warnings(low, listener)
  local units, why = pace.of(low, options)()
  if not units then return failure.tell({ kind = "plan", exit = 1, text = why }, emit) end
  local found, err = core.rehearse(context.plan,
    { where = options.where, jobs = options.jobs, sample = options.sample, units = units }, listener)
  if not found then return failure.tell(err, emit) end
  rehearsed.write(screen, low, found, units, not options.wcu and type(low.write_units) == "function")
  if emit then emit(rehearsed.event(low, found, units)) end
  return 0
end

return rehearse
