"""One training run: data in, scores out. Runs with torch inside a child process."""
