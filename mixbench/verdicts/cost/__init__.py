"""The cost of reaching a score: time per example × training data × tuning trials."""
