io.stdout:write("ready\n"):flush()
while true do end
