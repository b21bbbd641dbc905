"""Compare two versions cell by cell."""
