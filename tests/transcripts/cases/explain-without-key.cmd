hlua good.lua rejects --explain
