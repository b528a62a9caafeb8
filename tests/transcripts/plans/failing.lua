local function inner() error "something is wrong" end
local function outer() inner() end
outer()
