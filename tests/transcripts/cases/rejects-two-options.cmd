hlua good.lua rejects --retry --export out
