"""What this machine is, and what disturbs measurements on it."""
