HLUA_SOURCE=mysql://reader:secret@localhost/loans hlua sourced.lua check --offline
