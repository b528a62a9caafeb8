hlua good.lua rejects --retry; hlua good.lua rejects --retry --json | sed 's/"seconds":[0-9.e-]*/"seconds":0/'
