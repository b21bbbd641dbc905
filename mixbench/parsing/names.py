"""Names of files as names of what they hold."""

from __future__ import annotations

import re

_UNWRITABLE = re.compile("[\n\r\0\ud800-\udfff]")
"""What no cell of a table holds: line breaks, NUL, and bytes that are not UTF-8, which Python writes as surrogates."""


def writable(name: str) -> str:
    """A name that tables and figures can hold: `?` for every character that they cannot."""
    return _UNWRITABLE.sub("?", name)
