echo 'for i = 1, 100000 do print(i) io.flush() end' | hlua - | head -n 1
