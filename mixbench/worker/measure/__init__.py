"""What is measured in a child process, one quantity per module."""
