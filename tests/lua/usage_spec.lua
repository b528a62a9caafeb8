-- The command line: what is understood, what is refused, and what the help says (hlua.usage).
local usage = require "hlua.usage"

local function parse(...) return usage.parse { ... } end

local function refused(text, hint, ...)
  local command, err = parse(...)
  assert.is_nil(command)
  assert.same({ kind = "usage", exit = 2, text = text, hint = hint }, err)
end

describe("what stands after a plan", function()
  it("may be nothing: check, create, migrate", function()
    local command, options = parse()
    assert.equal("all", command.module)
    assert.same({}, options)
  end)
  it("is a command and its options, in any order", function()
    local command, options = parse("--limit", "10", "migrate", "--where", "x > 1", "--dry-run")
    assert.equal("migrate", command.module)
    assert.same({ limit = 10, where = "x > 1", dry_run = true }, options)
  end)
  it("is options of the bare plan", function()
    local command, options = parse("--ledger", "migrate", "--json", "--restart", "--yes", "--jobs=4")
    assert.equal("all", command.module)
    assert.same({ ledger = "migrate", json = true, restart = true, yes = true, jobs = 4 }, options)
  end)
  it("takes values with an equals sign, whatever is in them", function()
    local _, options = parse("migrate", "--where=a = '--x'")
    assert.same({ where = "a = '--x'" }, options)
  end)
  it("of rehearse has rows of its own meaning", function()
    assert.same({ sample = 1000000, wcu = 2000, jobs = 2 }, select(2, parse("rehearse", "--rows", "1000000", "--wcu", "2000", "--jobs=2")))
    assert.same({ rows = 5 }, select(2, parse("check", "--rows", "5")))
  end)
  it("asks for help", function()
    local command, options = parse("migrate", "--help")
    assert.equal("migrate", command.module)
    assert.is_true(options.help)
    assert.is_true(select(2, parse "-h").help)
  end)
  it("of rejects are commands of their own", function()
    assert.same({ retry = true, where = "x" }, select(2, parse("rejects", "--retry", "--where", "x")))
    assert.same({ export = "-" }, select(2, parse("rejects", "--export", "-")))
  end)
  it("offline, rows, where are said to check", function()
    assert.same({ offline = true }, select(2, parse("check", "--offline")))
    assert.same({ rows = 10, where = "x" }, select(2, parse("check", "--rows", "10", "--where", "x")))
  end)
  it("a key is said to rejects, whatever is in it", function()
    assert.same({ explain = "LogId=17" }, select(2, parse("rejects", "--explain", "LogId=17")))
    assert.same({ explain = "a=-1,b=x y" }, select(2, parse("rejects", "--explain=a=-1,b=x y")))
  end)
  it("can be asked what a command knows", function()
    assert.is_true(usage.has_option("rejects", "explain"))
    assert.is_false(usage.has_option("check", "restart"))
  end)
end)

describe("refused with exit 2:", function()
  it("an unknown command, with the nearest", function()
    refused("there is no command migrat", 'did you mean "migrate"?', "migrat")
  end)
  it("a command that is like none, with all", function()
    refused("there is no command verify", "allowed here: check, rehearse, create, migrate, rejects, status, control", "verify")
  end)
  it("an unknown option, with the nearest", function()
    refused("the command migrate has no option --jbos", "did you mean --jobs?", "migrate", "--jbos", "2")
    refused("there is no option --teleport", "hlua help lists them", "--teleport")
    refused("there is no option --wcux", "did you mean --wcu?", "--wcux", "5")
    refused("there is no option --wcux", "did you mean --wcu?", "--json", "--wcux=5", "now")
    refused("there is no command 5", "allowed here: check, rehearse, create, migrate, rejects, status, control", "--json", "5")
  end)
  it("an option of another command", function()
    refused("the bare plan has no option --retry", "--retry is of rejects: hlua PLAN rejects --retry", "--retry")
    refused("the bare plan has no option --offline", "--offline is of check: hlua PLAN check --offline", "--offline")
    refused("the bare plan has no option --explain", "--explain is of rejects: hlua PLAN rejects --explain KEY", "--explain=7")
    refused("the command migrate has no option --rows", "--rows is of check and rehearse", "migrate", "--rows", "5")
    refused("the command check has no option --limit", "--limit is of the bare plan, migrate, rejects and status",
      "check", "--limit", "1")
  end)
  it("an option that is said before the plan", function()
    refused("the bare plan has no option --version", "did you mean hlua --version?", "--version")
    refused("the command check has no option --scripts", "did you mean hlua --scripts DIR PLAN?", "check", "--scripts", "lua")
  end)
  it("an action, an option or a question as a bare word", function()
    local function hint(text, ...) refused(("there is no command %s"):format((...)), text, ...) end
    hint("hlua PLAN control pause: finish what is in flight and send nothing more; the snapshot stays open", "pause")
    hint("hlua PLAN control resume: go on after a pause; what was stopped or interrupted goes on by the plan alone", "resume")
    hint("hlua PLAN control wcu N: write at most N write units a second from now on, indexes included", "wcu", "2000")
    hint("did you mean hlua PLAN rejects --retry?", "retry")
    hint("did you mean hlua PLAN --restart?", "restart")
    hint("did you mean hlua PLAN COMMAND --rows N?", "rows")
    hint("did you mean hlua help [COMMAND]?", "help")
    hint("did you mean hlua --version?", "version")
  end)
  it("a second command", function() refused("one command at a time: status after check", nil, "check", "status") end)
  it("an option twice", function() refused("--json is there twice", nil, "--json", "--json") end)
  it("an option without its value", function()
    refused("--limit needs a value", "--limit N: at most N rows of each table; a run of its own", "--limit")
    refused("--limit needs a value", "--limit N: at most N rows of each table; a run of its own", "--limit=")
    refused("--ledger needs a value, and --json is an option",
      "--ledger FILE: keep the state in FILE instead of .hlua/NAME.db beside the plan", "--ledger", "--json")
    assert.equal("--where needs a value, and --help is an option", select(2, parse("--where", "--help")).text)
    local _, options = parse("--ledger=--json", "--where", "-1 < id")
    assert.same({ ledger = "--json", where = "-1 < id" }, options)
  end)
  it("a value for an option that takes none", function() refused("--json takes no value", nil, "--json=1") end)
  for _, text in ipairs { "0", "-1", "x", "1.5", "1e3", "99999999999999999999" } do
    it(("the number %s"):format(text), function()
      refused(("--limit needs a whole number from 1 on, not %s"):format(text),
        "--limit N: at most N rows of each table; a run of its own", "--limit", text)
    end)
  end
  it("too many rows", function()
    refused("--rows needs a whole number from 1 to 100, not 101", "--rows N: show N rows of each table instead of 3",
      "check", "--rows", "101")
  end)
  it("too many workers", function()
    refused("--jobs needs a whole number from 1 to 255, not 256",
      "--jobs N: N workers instead of one a processor and one more", "--jobs", "256")
  end)
end)

describe("what stands where the plan should", function()
  for word, hint in pairs {
    ["--json"] = "options come after the plan: hlua PLAN --json", ["--rows=5"] = "options come after the plan: hlua PLAN COMMAND --rows N",
    ["--retry"] = "options come after the plan: hlua PLAN rejects --retry", ["check"] = "the plan comes first: hlua PLAN check",
    ["version"] = "did you mean hlua --version?", ["-v"] = "did you mean hlua --version?", ["-V"] = "did you mean hlua --version?",
    ["retry"] = "did you mean hlua PLAN rejects --retry?",
  } do
    it("is known: " .. word, function() assert.equal(hint, usage.misplaced(word)) end)
  end
  it("may be unknown", function()
    for _, word in ipairs { "plan.lua", "--jsn", "-x", "" } do assert.is_nil(usage.misplaced(word)) end
  end)
end)

describe("the help", function()
  it("names every command and fits 100 columns", function()
    local text = usage.help()
    for _, name in ipairs { "(none)", "check", "create", "migrate", "rejects", "status", "control ACTION" } do
      assert.truthy(text:find("\n  " .. name .. " ", 1, true), name)
    end
    for line in text:gmatch "[^\n]+" do assert.is_true(#line <= 100, line) end
  end)
  it("of a command lists its options", function()
    local text = usage.topic "status"
    assert.truthy(text:find("usage: hlua PLAN status [OPTIONS]", 1, true))
    assert.truthy(text:find("--ledger FILE", 1, true))
    assert.falsy(text:find("--jobs", 1, true))
  end)
  it("of an unknown command says which was meant", function()
    local text, err = usage.topic "statsu"
    assert.is_nil(text)
    assert.equal('did you mean "status"?', err.hint)
  end)
end)
