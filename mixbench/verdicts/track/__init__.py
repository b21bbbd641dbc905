"""A history over commits: series and their change points."""
