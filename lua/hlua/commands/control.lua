-- `hlua PLAN control ACTION`: talks to the migration of this plan that runs now, in another process.
local cjson    = require "cjson"
local failure  = require "hlua.report.failure"
local format   = require "hlua.report.format"
local progress = require "hlua.report.progress"
local running  = require "hlua.report.running"

local control = {}

-- What the migration answers with: the state, and each table's progress; or nil and an error.
local function ask(context, request)
  local text, err = context.core.control(context.plan, context.options, request)
  if not text then return nil, err end
  local answer = cjson.decode(text)
  if not answer.ok then return nil, { kind = "local", exit = 8, text = answer.error, hint = answer.hint } end
  if answer.detail == "" then answer.detail = nil end
  return answer
end

local function event(answer, name, action)
  local shown = progress.event(answer)
  shown[1] = { "event", "control" }
  table.insert(shown, 2, { "plan", name })
  table.insert(shown, 3, { "action", action })
  return shown
end

local done = {
  pause  = "paused: what is in flight is finished, nothing more is sent until `control resume`",
  resume = "going on",
  wcu    = "at most %s write units a second from now on",
  stop   = "stopping: it finishes what is in flight and saves; the same command goes on later",
}

function control.run(context)
  local options = context.options
  local action = options.action
  local answer, err = ask(context, options.value and ("%s %d"):format(action, options.value) or action)
  if not answer then return failure.tell(err, context.emit) end
  if context.emit then
    context.emit(event(answer, context.low.name, action))
    return 0
  end
  local screen = context.screen
  if done[action] then
    screen:line(done[action]:format(format.count(options.value or 0)))
    return 0
  end
  for _, line in ipairs(running.lines(context.low.name, answer, screen.width)) do screen:line(line) end
  return 0
end

return control
