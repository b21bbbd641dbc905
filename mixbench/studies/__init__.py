"""Studies: plan cells, run them, write rows. No torch here; the work happens in child processes."""
