echo "os.exit(7)" > seven.lua; hlua seven.lua
