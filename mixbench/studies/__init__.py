"""The studies: plan cells or runs, carry them out in child processes, write rows."""
