"""Processes that are still there, found by what they were started with."""

from __future__ import annotations

import psutil


def with_mark(mark: str) -> list[int]:
    """The processes that have a word in their command line."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]
