-- From the command line to a command: runs the script, sees whether it returned a plan, and if so does what was asked.
local core    = require "hlua.core"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"
local guard   = require "hlua.guard"
local nearest = require "hlua.nearest"
local node    = require "hlua.node"
local sources = require "hlua.sources"
local usage   = require "hlua.usage"

local cli = {}

local PLAN_ERRORS = 16000 -- bytes of plan errors that are shown

-- Events ------------------------------------------------------------------------------------------

local function json_out(event)
  io.stdout:write(require "hlua.encode".text(event), "\n")
  io.stdout:flush()
end

-- What writes events before the words are parsed, or when they cannot be: --json among them is enough.
local function emitter(words)
  for _, word in ipairs(words) do
    if word == "--json" then return json_out end
  end
  return nil
end

-- Scripts -----------------------------------------------------------------------------------------

-- Modules beside the script come first.
local function set_path(path)
  local folder = path == "-" and "." or path:match "^(.*)/[^/]*$" or "."
  if folder == "" then folder = "/" end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
end

-- The global `arg` as Lua's own interpreter makes it: the script is 0, what stands before it is negative.
local function set_arg(words, at)
  local given = {}
  for i = 0, #words do given[i - at] = words[i] end
  _G.arg = given
end

-- What xpcall hands over for a failing script: an error as hlua.core gives them stays one; the rest gets a traceback,
-- which ends where the script began.
local function on_error(value)
  if type(value) == "table" and value.text and value.exit then return value end
  local text, meant = tostring(value), nil
  if text:find("(global 'hlua')", 1, true) and package.loaded.hlua == nil then
    text, meant = text .. '\nhint: put at the top: local hlua = require "hlua"', true
  end
  local trace = debug.traceback(text, 2)
  trace = trace:gsub("\n\t%[C%]: in function 'error'\n\thlua/%a+.lua:%d+: in metamethod 'index'", "") -- hlua's own
  local script_end = trace:match ".*\n\t[^\n]*in main chunk()"
  local short, hint = text:match "^(.-)\nhint: (.*)$"
  return { kind = "plan", exit = 1, text = short or text, hint = hint, meant = meant,
    traceback = script_end and trace:sub(1, script_end - 1) or trace }
end

-- Tells why the script failed; returns the exit code. Only of what is meant to be a plan `emit` writes: the standard output of other
-- scripts is theirs, and so is their --json.
local function script_failed(reason, emit)
  if not reason.meant and package.loaded.hlua == nil then emit = nil end
  if core.stopping() then return failure.tell({ kind = "interrupted", exit = 130, text = "interrupted" }, emit) end
  if not reason.traceback then return failure.tell(reason, emit) end
  io.stdout:flush()
  io.stderr:write("hlua: ", reason.traceback, "\n")
  if emit then emit(failure.event(reason)) end
  return reason.exit
end

-- Whether there is something to read; the reason when there is not.
local function readable(path)
  if path == "-" then return true end
  local handle, reason = io.open(path, "rb")
  if not handle then return false, (reason:gsub("^" .. path:gsub("%W", "%%%0") .. ": ", "")) end
  local _, problem = handle:read(0)
  handle:close()
  if problem then return false, problem end
  return true
end

local function cannot_read(path, reason)
  local hint = usage.misplaced(path)
  if not hint and path:sub(1, 1) == "-" then hint = "hlua --help lists what can stand before the plan" end
  return failure.usage(("cannot read %s: %s"):format(path, reason), hint)
end

-- Plans -------------------------------------------------------------------------------------------

-- A script that uses the plan language and returns no plan has most likely lost its `return`: it must not look like a
-- run that went well.
local function not_a_plan(value, path)
  local text = value == nil and "%s uses the plan language and returns nothing"
    or "%s returns something that is no plan"
  return { kind = "plan", exit = 1, text = text:format(path), hint = "a plan ends with: return hlua.plan { ... }" }
end

-- The plan as commands need it, or nil and an error.
local function load_plan(value)
  local low, text, each = require "hlua.load"(value, PLAN_ERRORS)
  if not low then return nil, { kind = "plan", exit = 1, text = text, each = each } end
  local plan, err = core.plan_load(value)
  if not plan then return nil, err end
  return { low = low, plan = plan }
end

-- Does what the words after a plan ask for; returns the exit code.
local function run_plan(value, path, words)
  local command, options = usage.parse(words)
  if not command then return failure.tell(options, emitter(words)) end
  if options.help then
    io.stdout:write(usage.command_help(command))
    return 0
  end
  local emit = options.json and json_out or nil
  local context, err = load_plan(value)
  if not context then return failure.tell(err, emit) end
  context.core    = core
  context.options = options
  context.emit    = emit
  context.command = "hlua " .. format.shell(path)
  context.screen  = require "hlua.report.screen".standard(core, options.json)
  return require("hlua.commands." .. command.module).run(context)
end

-- Runs the script at words[at]; returns the exit code.
local function run_script(words, at)
  local path, emit = words[at], emitter(words)
  local ok, reason = readable(path)
  if not ok then return failure.tell(cannot_read(path, reason), emit) end
  local chunk, problem = sources.script(path)
  if not chunk then return failure.tell({ kind = "plan", exit = 1, text = problem }, emit) end
  set_path(path)
  set_arg(words, at)
  sources.watch()
  guard.globals(debug.getinfo(chunk, "S").source)
  local rest = table.move(words, at + 1, #words, 1, {})
  local went, value = xpcall(chunk, on_error, table.unpack(rest))
  if not went then return script_failed(value, emit) end
  if node.is(value, "plan") then return run_plan(value, path, rest) end
  local meant = package.loaded.hlua ~= nil and (value == nil or type(value) == "table")
  if meant then return failure.tell(not_a_plan(value, path), emit) end
  return 0
end

-- Words before the script -------------------------------------------------------------------------

local function show_help(topic, emit)
  local text, err = usage.topic(topic)
  if not text then return failure.tell(err, emit) end
  io.stdout:write(text)
  return 0
end

local first = {
  ["--help"] = function() return show_help() end,
  ["-h"]     = function() return show_help() end,
  ["help"]   = function(words) return show_help(words[2], emitter(words)) end,
  ["--version"] = function()
    io.stdout:write(("hlua %s (%s)\n"):format(core.version, _VERSION))
    return 0
  end,
  ["--"] = function(words)
    if words[2] then return run_script(words, 2) end
    return failure.tell(failure.usage("-- needs a script after it"))
  end,
}

-- The command line ([0] is the program, 1 the first word) to the exit code.
function cli.main(words)
  local word = words[1]
  if word == nil then
    io.stderr:write(usage.help())
    return 2
  end
  if first[word] then return first[word](words) end
  if word:sub(1, 1) == "-" and word ~= "-" then
    local best = nearest.pick(word, { "--help", "--version", "--scripts" })
    return failure.tell(failure.usage(("there is no option %s before the plan"):format(word),
      usage.misplaced(word) or best and ("did you mean %s?"):format(best) or "hlua --help lists what there is"), emitter(words))
  end
  return run_script(words, 1)
end

return cli
