-- The command line as data: which commands and options there are. The parser and the help both read this one table.
local failure = require "hlua.report.failure"
local nearest = require "hlua.nearest"

local usage = {}

local WIDTH = 26 -- of the left column of the help

-- argument: what the help calls it; integer: it is a number from 1 on. `field`: its name in the parsed options.
local options = {
  offline = { "--offline", "check and explain the plan alone; nothing connects" },
  dry_run = { "--dry-run", "read and map everything, write nothing" },
  where   = { "--where", "narrow every table by this SQL condition; a run of its own", argument = "SQL" },
  limit   = { "--limit", "at most N rows of each table; a run of its own", argument = "N", integer = true },
  jobs    = { "--jobs", "N workers instead of one a processor and one more", argument = "N", integer = true, most = 255 },
  wcu     = { "--wcu", "at most N write units a second, indexes included", argument = "N",
    integer = true, most = 1000000000 },
  restart = { "--restart", "forget what an earlier run did, and begin again" },
  ledger  = { "--ledger", "keep the state in FILE instead of .hlua/NAME.db beside the plan", argument = "FILE" },
  retry   = { "--retry", "read the rejected rows again, map them as the plan is now, and write them" },
  export  = { "--export", "write them to FILE as JSON lines; - is standard output", argument = "FILE" },
  rows    = { "--rows", "show N rows of each table instead of 3", argument = "N", integer = true, most = 100 },
  sample  = { "--rows", "read about N rows in all instead of 200,000; more is surer and slower", argument = "N", integer = true },
  explain = { "--explain", "show the rejected row with this key, the rule it breaks, and what mends it", argument = "KEY" },
  yes     = { "--yes", "answer yes to every question; none is asked so far" },
  replace = { "--yes", "with --export: write over FILE, if it is there" },
  json    = { "--json", "JSON on standard output, a line an event; other text on standard error" },
}
local help = { "--help", "this text" }
-- What is said to hlua itself, before the plan or without one.
local before = { ["--version"] = "hlua --version", ["-v"] = "hlua --version", ["-V"] = "hlua --version",
  ["--scripts"] = "hlua --scripts DIR PLAN" }

local migrate_options = { "dry_run", "where", "limit", "jobs", "wcu", "restart", "ledger", "yes", "json" }

-- In the order of the help. The one without a name is what `hlua PLAN` does.
local commands = {
  { name = nil, module = "all", options = migrate_options,
    about = "check the plan, create what is missing, migrate, and say what happened" },
  { name = "check", module = "check", options = { "offline", "rows", "where", "ledger", "json" },
    about = "connect, and show on real rows what the plan makes of them; write nothing" },
  { name = "rehearse", module = "rehearse", options = { "sample", "where", "jobs", "wcu", "json" },
    about = "tell how long the migration will take, and what limits it; write nothing" },
  { name = "create", module = "create", options = { "yes", "json" },
    about = "create the tables that are missing, and compare those that are there" },
  { name = "migrate", module = "migrate", options = migrate_options,
    about = "copy the rows, from where an earlier run stopped" },
  { name = "rejects", module = "rejects", options = { "explain", "retry", "export", "where", "limit", "ledger", "replace", "json" },
    about = "list, explain, retry or export the rows that could not be written" },
  { name = "status", module = "status", options = { "where", "limit", "ledger", "json" },
    about = "tell where the migration stands, also while it runs" },
  { name = "control", module = "control", options = { "ledger", "json" }, shown = "control ACTION",
    about = "talk to a running migration: status, pause, resume, wcu N, stop",
    actions = {
      { "status", "what it is doing now, and how fast" },
      { "pause", "finish what is in flight and send nothing more; the snapshot stays open" },
      { "resume", "go on after a pause; what was stopped or interrupted goes on by the plan alone" },
      { "wcu", "write at most N write units a second from now on, indexes included", argument = "N", most = 1000000000 },
      { "stop", "finish what is in flight, save, and end; running the plan again goes on" },
    } },
}

local function command_names()
  local names = {}
  for _, command in ipairs(commands) do names[#names + 1] = command.name end
  return names
end

-- The command of a name; of the bare plan, for nil. Or nil.
function usage.command(name)
  for _, command in ipairs(commands) do
    if command.name == name then return command end
  end
  return nil
end

-- Whether a command knows an option, by its field: "restart" of migrate.
function usage.has_option(name, field)
  for _, known in ipairs(usage.command(name).options) do
    if known == field then return true end
  end
  return false
end

-- Help --------------------------------------------------------------------------------------------

local function option_label(option) return option.argument and option[1] .. " " .. option.argument or option[1] end

local function row(label, text) return ("  %s%s%s"):format(label, (" "):rep(math.max(1, WIDTH - 2 - #label)), text) end

local function option_rows(command)
  local lines = {}
  for _, field in ipairs(command.options) do
    lines[#lines + 1] = row(option_label(options[field]), options[field][2])
  end
  lines[#lines + 1] = row(help[1], help[2])
  return lines
end

local function command_rows()
  local lines = {}
  for _, command in ipairs(commands) do
    lines[#lines + 1] = row(command.shown or command.name or "(none)", command.about)
  end
  return lines
end

local function text_of(lines) return table.concat(lines, "\n") .. "\n" end

local function add(lines, ...)
  for _, more in ipairs { ... } do
    if type(more) == "table" then
      table.move(more, 1, #more, #lines + 1, lines)
    else
      lines[#lines + 1] = more
    end
  end
  return lines
end

-- The help of the whole program.
function usage.help()
  return text_of(add({}, "usage: hlua PLAN [COMMAND] [OPTIONS]",
    "       hlua SCRIPT.lua [ARGUMENTS]",
    "       hlua help [COMMAND] | --help | --version",
    "",
    "Moves tables from PostgreSQL to Amazon DynamoDB, as a plan written in Lua says.",
    "A script that returns no plan runs as in a plain Lua interpreter; - reads it from standard input.",
    "",
    "commands:",
    command_rows(),
    "",
    "options of the bare plan and of migrate (hlua help COMMAND tells each command's):",
    option_rows(usage.command(nil)),
    "",
    "options before the plan:",
    row("--scripts DIR", "read hlua's own Lua files from DIR instead of from the program"),
    "",
    "exit codes: 0 done, 1 the plan is wrong, 2 usage, 3 the source failed, 4 the target failed,",
    "            5 rows were rejected, 8 local failure (ledger, memory, disk), 130 interrupted"))
end

local function action_label(action) return action.argument and action[1] .. " " .. action.argument or action[1] end

local function action_rows(command)
  if not command.actions then return {} end
  local lines = { "actions:" }
  for _, action in ipairs(command.actions) do lines[#lines + 1] = row(action_label(action), action[2]) end
  lines[#lines + 1] = ""
  return lines
end

-- The help of one command (usage.command gave it).
function usage.command_help(command)
  local words = (command.name and command.name .. " " or "") .. (command.actions and "ACTION " or "")
  return text_of(add({}, "usage: hlua PLAN " .. words .. "[OPTIONS]", "",
    command.about:sub(1, 1):upper() .. command.about:sub(2) .. ".", "", action_rows(command), "options:", option_rows(command)))
end

-- The help that `hlua help NAME` asks for; nil and an error when there is no such command.
function usage.topic(name)
  if not name then return usage.help() end
  local command = usage.command(name)
  if command then return usage.command_help(command) end
  return nil, failure.usage(("there is no command %s"):format(name), nearest.hint(name, command_names()))
end

-- What was meant --------------------------------------------------------------------------------------

-- The option that is written so, and its field, if the command has it.
local function find_option(command, text)
  for _, field in ipairs(command.options) do
    if options[field][1] == text then return options[field], field end
  end
  return nil
end

-- The commands that have an option, in the order of the help, and the option as the first of them has it.
local function owners(text)
  local list, first = {}, nil
  for _, command in ipairs(commands) do
    local option = find_option(command, text)
    if option then list[#list + 1], first = command, first or option end
  end
  return list, first
end

-- "a, b and c"
local function names_of(list)
  local names = {}
  for i, command in ipairs(list) do names[i] = command.name or "the bare plan" end
  local last = table.remove(names)
  return #names > 0 and table.concat(names, ", ") .. " and " .. last or last
end

-- How an option is to be written; COMMAND stands for one of several. Nil when no command has it.
local function option_line(text)
  local list, option = owners(text)
  if not option then return nil end
  local word = not list[1].name and "" or #list == 1 and list[1].name .. " " or "COMMAND "
  return ("hlua PLAN %s%s"):format(word, option_label(option))
end

-- A hint for an option that the command does not have and others have, or that is said before the plan; or nil.
local function owner_hint(text)
  if before[text] then return ("did you mean %s?"):format(before[text]) end
  local list = owners(text)
  if #list == 0 then return nil end
  return ("%s is of %s%s"):format(text, names_of(list), #list == 1 and ": " .. option_line(text) or "")
end

-- A hint for a word that is no command, but what one of them is told: "pause", "retry", "version". Or nil.
local function word_hint(word)
  for _, command in ipairs(commands) do
    for _, action in ipairs(command.actions or {}) do
      if action[1] == word then return ("hlua PLAN %s %s: %s"):format(command.name, action_label(action), action[2]) end
    end
  end
  local line = word == "help" and "hlua help [COMMAND]" or before["--" .. word] or option_line("--" .. word)
  return line and ("did you mean %s?"):format(line)
end

-- A hint for what stands where the plan should: an option, a command, or what one of them is told. Or nil.
function usage.misplaced(word)
  if before[word] then return ("did you mean %s?"):format(before[word]) end
  local line = option_line(word:match "^(%-%-[^=]+)=" or word)
  if line then return "options come after the plan: " .. line end
  if usage.command(word) then return "the plan comes first: hlua PLAN " .. word end
  return word_hint(word)
end

-- Parsing -----------------------------------------------------------------------------------------

local function unknown_option(command, text)
  local hint = owner_hint(text)
  local who = command.name and "the command " .. command.name or hint and "the bare plan"
  local what = who and ("%s has no option %s"):format(who, text) or ("there is no option %s"):format(text)
  if hint then return failure.usage(what, hint) end
  local names = { help[1] }
  for _, field in ipairs(command.options) do names[#names + 1] = options[field][1] end
  local best = nearest.pick(text, names)
  return failure.usage(what, best and ("did you mean %s?"):format(best)
    or ("hlua help%s lists them"):format(command.name and " " .. command.name or ""))
end

-- "--limit N: at most N rows of each table": a hint.
local function option_meaning(option) return option_label(option) .. ": " .. option[2] end

-- The word after an option that takes a value is one unless it is an option itself: then the value was forgotten, and a file of that
-- name would be made. Attached (--ledger=--json) anything is a value. Nil and an error.
local function next_value(option, word)
  if not word or not (option_line(word) or word == help[1]) then return word end
  return nil, failure.usage(("%s needs a value, and %s is an option"):format(option[1], word), option_meaning(option))
end

-- The value of an option that takes one, or nil and an error.
local function option_value(option, text)
  if text == nil or text == "" then
    return nil, failure.usage(("%s needs a value"):format(option[1]), option_meaning(option))
  end
  if not option.integer then return text end
  local number = text:find "^%d+$" and math.tointeger(tonumber(text))
  local most = option.most or math.maxinteger
  if not number or number < 1 or number > most then
    return nil, failure.usage(("%s needs a whole number from 1%s, not %s"):format(option[1],
      option.most and (" to %d"):format(most) or " on", text), option_meaning(option))
  end
  return number
end

-- The first word that is no option names the command. Values of options are skipped, whatever the command. Last it returns the first
-- option before that word that no command has: the word may have been meant as its value.
local function find_command(words)
  local takes_value = { [help[1]] = false, ["-h"] = false }
  for _, option in pairs(options) do takes_value[option[1]] = option.argument ~= nil end
  local i, unknown = 1, nil
  while i <= #words do
    local word = words[i]
    if word:sub(1, 1) ~= "-" then return i, word, unknown end
    local name = word:match "^(%-%-[^=]+)=" or word
    if takes_value[name] == nil then unknown = unknown or name end
    i = i + (takes_value[word] and 2 or 1)
  end
  return nil
end

local function too_many(word, command)
  if command.actions then
    return failure.usage(("one action at a time: %s after %s"):format(word, command.name))
  end
  return failure.usage(("one command at a time: %s after %s"):format(word, command.name or "the plan"))
end

local function action_names(command)
  local names = {}
  for _, action in ipairs(command.actions) do names[#names + 1] = action[1] end
  return names
end

-- The action of that name, for a command that has actions; nil and an error when there is none.
local function check_action(command, name)
  local names = action_names(command)
  if not name then
    return nil, failure.usage(("%s needs an action"):format(command.name), "one of: " .. table.concat(names, ", "))
  end
  for _, known in ipairs(command.actions) do
    if known[1] == name then return known end
  end
  return nil, failure.usage(("%s has no action %s"):format(command.name, name), nearest.hint(name, names))
end

local function takes_value(command, name)
  for _, action in ipairs(command.actions) do
    if action[1] == name then return action.argument ~= nil end
  end
  return false
end

-- The number that goes with a command's action, if it takes one; nil and an error when something is wrong with either.
local function action_value(command, given)
  local action, err = check_action(command, given.action)
  if not action then return nil, err end
  if not action.argument then return nil end
  return option_value({ action[1], action[2], argument = action.argument, integer = true, most = action.most }, given.value)
end

-- What stands after the plan. Returns the command and its options by field (help = true asks for the help), or nil and
-- an error.
function usage.parse(words)
  local at, name, unknown = find_command(words)
  local command = usage.command(name)
  if not command and unknown then return nil, unknown_option(usage.command(nil), unknown) end
  if not command then
    return nil, failure.usage(("there is no command %s"):format(name), word_hint(name) or nearest.hint(name, command_names()))
  end
  local given, i = {}, 1
  while i <= #words do
    local word = words[i]
    local text, attached = word:match "^(%-%-[^=]+)=(.*)$"
    local option, field = find_option(command, text or word)
    if word == "--help" or word == "-h" then
      given.help = true
    elseif i == at then
      assert(word == name)
    elseif word:sub(1, 1) ~= "-" then
      if not command.actions or given.value or given.action and not takes_value(command, given.action) then
        return nil, too_many(word, command)
      end
      given[given.action and "value" or "action"] = word
    elseif not option then
      return nil, unknown_option(command, text or word)
    elseif given[field] ~= nil then
      return nil, failure.usage(("%s is there twice"):format(option[1]))
    elseif option.argument then
      local value, err = attached, nil
      if not attached then value, err = next_value(option, words[i + 1]) end
      if not err then value, err = option_value(option, value) end
      if err then return nil, err end
      given[field] = value
      if not attached then i = i + 1 end
    elseif attached then
      return nil, failure.usage(("%s takes no value"):format(option[1]))
    else
      given[field] = true
    end
    i = i + 1
  end
  if command.actions and not given.help then
    local err
    given.value, err = action_value(command, given)
    if err then return nil, err end
  end
  return command, given
end

return usage
