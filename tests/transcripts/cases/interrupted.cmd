mkfifo pipe
hlua endless.lua > pipe &
read -r line < pipe
kill -INT $!
wait $!
