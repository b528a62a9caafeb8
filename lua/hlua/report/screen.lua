-- Where human text goes: lines that stay, and below them, on a terminal, a block of lines that is redrawn in place.
-- Not for: what the lines say (hlua.report.progress, hlua.report.closing).
local screen = {}
screen.__index = screen

local colours = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33" }

-- { file =, live = boolean (a terminal: blocks are redrawn), width = columns, colour = boolean }
function screen.new(options)
  return setmetatable({
    file   = options.file,
    live   = options.live or false,
    width  = math.max(40, math.min(options.width or 80, 100)),
    colour = options.colour or false,
    block  = 0, -- lines of the block that stands there now
  }, screen)
end

-- The screen on standard output, or on standard error when standard output carries JSON. `core` is hlua.core.
function screen.standard(core, json)
  local fd, file = 1, io.stdout
  if json then fd, file = 2, io.stderr end
  local terminal = core.isatty(fd) and os.getenv "TERM" ~= "dumb"
  if json and core.isatty(1) then terminal = false end -- events and blocks on one terminal would spoil each other
  local no_colour = os.getenv "NO_COLOR"
  return screen.new {
    file = file, live = terminal, width = terminal and core.terminal_width(fd) or 100,
    colour = terminal and (no_colour == nil or no_colour == ""),
  }
end

-- The text in a colour, where there are colours.
function screen:paint(colour, text)
  if not self.colour then return text end
  return ("\27[%sm%s\27[0m"):format(colours[colour], text)
end

local function up(lines) return lines > 0 and ("\27[%dA\r\27[J"):format(lines) or "" end

-- Writes text that stays; a block that stands there is wiped, and comes back with the next draw.
function screen:line(text)
  self.file:write(up(self.block), text, "\n")
  self.file:flush()
  self.block = 0
end

-- Draws the block in place of the last one. Lines must fit the width.
function screen:draw(lines)
  if not self.live then return end
  self.file:write(up(self.block), table.concat(lines, "\n"), "\n")
  self.file:flush()
  self.block = #lines
end

-- The block that stands there stays; the next one is drawn below it: somebody else has written on the terminal.
function screen:keep() self.block = 0 end

-- Takes the block away.
function screen:wipe()
  if self.block > 0 then self.file:write(up(self.block)) end
  self.file:flush()
  self.block = 0
end

return screen
