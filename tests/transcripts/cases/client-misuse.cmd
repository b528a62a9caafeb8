hlua client.lua
