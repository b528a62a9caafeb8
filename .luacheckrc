-- For luacheck (make lint): Lua 5.4, lines of at most 140 columns.
std = "lua54"
max_line_length = 140
exclude_files = { "build", ".git", "tests/transcripts/plans" } -- the plans of the transcripts are wrong on purpose
files["tests/lua"] = { std = "+busted" }

-- the guard puts errors in the place of clocks, random numbers and hooks
files["lua/hlua/guard.lua"] = { globals = { "math", "os", "debug" } }
