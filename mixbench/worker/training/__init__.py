"""One training run, from a data set to scores, in a child process."""
