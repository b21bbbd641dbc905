"""Processes that are still there, found by what they were started with."""

from __future__ import annotations

from uuid import uuid4

import psutil


def new_mark() -> str:
    """A word that no other process has in its command line, not even that of the same test run twice at once."""
    return f"mixbench-{uuid4().hex}"


def with_mark(mark: str) -> list[int]:
    """The processes that have a word in their command line."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]
