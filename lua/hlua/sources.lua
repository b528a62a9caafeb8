-- The bytes of the plan's script and of the modules that it required from files, as they were when this state read them: a
-- worker's state loads these and not the files again, which may have changed meanwhile. Modules are a part of the plan's identity.
local core     = require "hlua.core"
local identity = require "hlua.identity"

local sources = {}

local script         -- { chunk name, bytes, arguments... }
local modules = {}   -- list of { module's name, chunk name, bytes, path }

local function read(path)
  local handle, problem = io.open(path, "rb")
  if not handle then return nil, problem end
  local bytes
  bytes, problem = handle:read "a"
  handle:close()
  return bytes, problem
end

-- Without a first line that begins with #, for the shell; its line feed stays, so that lines keep their numbers.
local function without_shebang(bytes)
  bytes = bytes:gsub("^\xEF\xBB\xBF", "")
  return (bytes:gsub("^#[^\n]*", "", 1))
end

-- As loadfile does, "-" being standard input: the script's function, or nil and why not.
function sources.script(path)
  local bytes, problem
  if path == "-" then
    bytes, problem = io.stdin:read "a"
  else
    bytes, problem = read(path)
  end
  if not bytes then return nil, "cannot read " .. (problem or path) end
  return sources.text(without_shebang(bytes), path == "-" and "=stdin" or "@" .. path)
end

-- The same for a text that is here already.
function sources.text(bytes, chunk)
  local loaded, problem = load(bytes, chunk)
  if loaded then script = { chunk, bytes } end
  return loaded, problem
end

-- Notes a module and returns what a package searcher returns.
local function loader(name, chunk, bytes, path)
  local loaded, problem = load(bytes, chunk)
  if not loaded then error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, problem), 0) end
  modules[#modules + 1] = { name, chunk, bytes, path }
  identity.modules[#modules] = { name = name, digest = core.sha256(bytes) }
  return loaded, path
end

-- Lua's own searcher for files, which notes what it finds.
local function search_files(name)
  local path, problem = package.searchpath(name, package.path)
  if not path then return problem end
  local bytes
  bytes, problem = read(path)
  if not bytes then error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, problem), 0) end
  return loader(name, "@" .. path, without_shebang(bytes), path)
end

-- Puts a searcher where Lua's own for files is: after what is preloaded and the program's own modules (src/lua/state.c).
local function add_searcher(search) table.insert(package.searchers, 3, search) end

function sources.watch() add_searcher(search_files) end

-- All of it as one string of bytes; nil when no script was read here.
function sources.freeze()
  if not script then return nil end
  local list, given = {}, rawget(_G, "arg")
  local function put(...)
    for _, text in ipairs { ... } do list[#list + 1] = string.pack("s8", text) end
  end
  put(script[1], script[2], package.path, package.cpath)
  local first, last = 0, -1
  if type(given) == "table" then
    last = #given
    while given[first - 1] ~= nil do first = first - 1 end
  end
  put(tostring(first), tostring(last))
  for i = first, last do put(tostring(given[i])) end
  for _, module in ipairs(modules) do put(table.unpack(module)) end
  return table.concat(list)
end

-- In a worker's state: takes what freeze gave over. Returns the script's function and its arguments.
function sources.thaw(bytes)
  local list, at = {}, 1
  while at <= #bytes do list[#list + 1], at = string.unpack("s8", bytes, at) end
  package.path, package.cpath = list[3], list[4]
  local first, last = math.tointeger(list[5]), math.tointeger(list[6])
  local given = {}
  for i = first, last do given[i] = list[7 + i - first] end
  if last >= 0 then _G.arg = given end
  local known = {}
  for i = 8 + last - first, #list, 4 do known[list[i]] = { list[i], list[i + 1], list[i + 2], list[i + 3] } end
  add_searcher(search_files)
  add_searcher(function(name)
    local module = known[name]
    if not module then return nil end
    return loader(table.unpack(module))
  end)
  return assert(load(list[2], list[1])), table.move(given, 1, last, 1, {})
end

return sources
