"""Sizes and closed forms of mixers and of `ops`, a module for each: what a layer needs, too, or takes more than a line.

Nothing here imports torch: entries in `families` use it in the parent process.
"""
