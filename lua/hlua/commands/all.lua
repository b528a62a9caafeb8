-- `hlua PLAN`: says what goes where, then creates what is missing and migrates (hlua.commands.migrate does both).
local format  = require "hlua.report.format"
local migrate = require "hlua.commands.migrate"

local all = {}

function all.run(context)
  local screen = context.screen
  screen:line(screen:paint("bold", "plan " .. format.printable(context.low.name)))
  for _, t in ipairs(context.low.tables) do
    screen:line(("  %s  to %s"):format(format.printable(t.from or "a query"), format.printable(t.target.name)))
  end
  return migrate.run(context)
end

return all
