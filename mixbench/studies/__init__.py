"""Studies: plan cells, run them in child processes, write rows."""
