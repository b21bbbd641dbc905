"""The commands as functions: each file has what a command does as a function of its options, and its public form."""
