"""Summaries and judgements made from rows."""
