"""Two versions compared cell by cell."""
