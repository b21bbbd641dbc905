"""The commands as functions: each file has a function that takes a command's options object, and its public form."""
