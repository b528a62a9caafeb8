-- README.md's first plan, run as it stands there: hlua walkthrough.lua README.md, in an empty folder, with `hlua` and `psql`
-- in PATH. Its sql and lua blocks become files, in order; each command of its console blocks must print what is written there,
-- whatever the times and rates. Prints the differences; exit code 1 if there is one.
local files = { sql = { "source.sql" }, lua = { "plan.lua", "look.lua" } }

local file = assert(io.open(arg[1]))
local part = file:read("a"):match "\n## A first plan of your own\n(.-)\n## "
file:close()

-- Times, rates and addresses differ; and DynamoDB drops the zeros at a number's end, which the tests' endpoint keeps.
local function comparable(text)
  text = text:gsub("in [%d.]+ s %([%d,]+ items/s%)", "in TIME"):gsub("%d+%-%d+%-%d+T%d+:%d+:%d+Z\n", "MOMENT\n")
  text = text:gsub("from PostgreSQL %d.- as user %S+", "from SERVER"):gsub("to DynamoDB, region.-credentials by %S+", "to TARGET")
  text = text:gsub("from PostgreSQL [%d.]+: database [^\n]+", "from SERVER"):gsub("to DynamoDB: region [^\n]+", "to TARGET")
  return (text:gsub("(\t%d+%.%d-)0+\t", "%1\t"):gsub("(\t%d+)%.\t", "%1\t"))
end

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local out = pipe:read "a"
  pipe:close()
  return out
end

local wrong, commands = 0, 0
local function expect(command, wanted)
  local got = run(command)
  commands = commands + 1
  if comparable(got) == comparable(wanted) then return end
  wrong = wrong + 1
  print("$ " .. command)
  print("README.md:\n" .. wanted .. "\nprinted:\n" .. got)
end

for kind, block in part:gmatch "\n```(%l+)\n(.-\n)```" do
  local name = files[kind] and table.remove(files[kind], 1)
  if name then
    local out = assert(io.open(name, "w"))
    out:write(block)
    out:close()
  end
  if name == "source.sql" then expect('psql "$HLUA_SOURCE" -q -f source.sql', "") end
  if kind == "console" then
    for step in block:gsub("%f[^\n\0]%$ ", "\0"):gmatch "[^\0]+" do expect(step:match "^([^\n]*)\n(.*)$") end
  end
end

if commands ~= 9 then print(("%d commands ran, not 9"):format(commands)) end
os.exit(wrong == 0 and commands == 9 and 0 or 1)
