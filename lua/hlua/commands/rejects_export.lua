-- `hlua PLAN rejects --export FILE`: the rejected rows as JSON lines in a file, which is there whole or not at all.
local encode  = require "hlua.encode"
local failure = require "hlua.report.failure"
local format  = require "hlua.report.format"
local screens = require "hlua.report.screen"

local export = {}

local function cannot(path, reason)
  return { kind = "local", exit = 8, text = ("%s cannot be written: %s"):format(path, reason),
    hint = "name another file, or - for standard output" }
end

-- What io says without the file's name, which the message has.
local function reason_of(text, path)
  return text:sub(1, #path + 2) == path .. ": " and text:sub(#path + 3) or text
end

-- Writes every reject to `handle`; returns how many, or nil and an error.
local function write_all(context, handle, path, record)
  local count, failed = 0, nil
  local _, err = context.core.rejects(context.plan, context.options, function(reject)
    if failed then return end
    local ok, reason = handle:write(encode.text(record(reject)), "\n")
    if not ok then failed = reason end
    count = count + 1
  end)
  if err then return nil, err end
  local ok, reason = handle:flush()
  if failed or not ok then return nil, cannot(path, failed or reason) end
  return count
end

-- Into a file beside it first, so that nobody finds half of it.
local function write_file(context, path, record)
  local kind = context.core.file_kind(path)
  if kind == "other" then return nil, cannot(path, "it is no file") end -- a device would be replaced by one
  if kind and not context.options.replace then
    return nil, { kind = "local", exit = 8, text = ("%s is there already"):format(path), hint = "--yes writes over it" }
  end
  local beside = path .. ".part"
  local handle, reason = io.open(beside, "wb")
  if not handle then return nil, cannot(path, reason_of(reason, beside)) end
  local count, err = write_all(context, handle, path, record)
  handle:close()
  if count then
    local ok, why = os.rename(beside, path)
    if ok then return count end
    err = cannot(path, reason_of(why, beside))
  end
  os.remove(beside)
  return nil, err
end

-- `record` makes of a reject what is written of it.
function export.run(context, record)
  local path, screen = context.options.export, context.screen
  local count, err
  if path == "-" then
    screen = screens.standard(context.core, true) -- standard output is for the lines
    count, err = write_all(context, io.stdout, "standard output", record)
  else
    count, err = write_file(context, path, record)
  end
  if not count then return failure.tell(err, path ~= "-" and context.emit or nil) end
  if path == "-" then
    screen:line(format.plural(count, "rejected row"))
  else
    screen:line(("%s in %s"):format(format.plural(count, "rejected row"), format.printable(path)))
    if context.emit then context.emit(encode.object { { "event", "export" }, { "file", path }, { "rejects", count } }) end
  end
  return 0
end

return export
