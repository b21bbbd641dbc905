"""What each command does with its options: call the Python function, print, say what comes next, end with the exit code.

A command is a function here, its options in `api/<command>_options.py`, its function in `api/<command>.py` and its text in
`cli/text/<command>.py`. Everything is imported when it is needed: `--help` loads nothing slow.
"""
