"""What runs in child processes: with `mixers` and `model` the only code that imports torch."""
