"""Rows in, judgements out."""
