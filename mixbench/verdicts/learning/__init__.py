"""Summaries of training runs: scores, training data needed, tuning trials needed."""
