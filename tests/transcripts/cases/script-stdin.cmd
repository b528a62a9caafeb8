echo "print(\"from standard input\", ...)" | hlua - one
