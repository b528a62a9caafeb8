#!/usr/bin/env hlua
-- A plain script: arguments, a module beside it, a global that is not there.
print(arg[0], #arg, ...)
print(require "beside", undefined)
