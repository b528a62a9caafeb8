-- An error told once, at the top: to people on standard error, to programs as an event.
local encode = require "hlua.encode"

local failure = {}

-- An error of the command line.
function failure.usage(text, hint) return { kind = "usage", exit = 2, text = text, hint = hint } end

-- The lines for people. Texts about a plan have lines of their own, each with its place: they stand as they are.
function failure.text(err)
  local place = err.text:match "^([^\n]-):%d+: "
  local own_lines = err.kind == "plan" and (err.text:find "\n" or place and not place:find(": ", 1, true))
  local text = own_lines and err.text or "hlua: " .. err.text
  if err.hint then text = text .. "\nhint: " .. err.hint end
  return text
end

-- The same for programs.
function failure.event(err)
  return encode.object {
    { "event", "error" },
    { "kind", err.kind },
    { "exit", err.exit },
    { "text", err.text },
    { "hint", err.hint or encode.null },
    { "code", err.code or encode.null },
  }
end

-- Tells the error; returns its exit code. `emit` writes an event, or is nil. An error that is several has `each` of them as
-- { text =, hint = }: people read them together, programs get an event for each.
function failure.tell(err, emit)
  io.stdout:flush()
  io.stderr:write(failure.text(err), "\n")
  for _, one in ipairs(emit and (err.each or { err }) or {}) do
    emit(failure.event { kind = err.kind, exit = err.exit, text = one.text, hint = one.hint, code = one.code })
  end
  return err.exit
end

return failure
