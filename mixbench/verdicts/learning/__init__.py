"""What training runs say: scores, data needed, trials needed."""
