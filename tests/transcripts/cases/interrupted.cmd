echo "io.stdout:write(\"ready\\n\"):flush() while true do end" > endless.lua
mkfifo pipe
hlua endless.lua > pipe &
read -r line < pipe
kill -INT $!
wait $!
