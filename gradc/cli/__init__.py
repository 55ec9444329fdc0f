"""The `gradc` command: look at generated code, compile ahead, see what the machine offers."""
