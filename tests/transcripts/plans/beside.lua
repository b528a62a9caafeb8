return "a module beside the script"
