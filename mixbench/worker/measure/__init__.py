"""Measurements in a child process, one quantity per module."""
