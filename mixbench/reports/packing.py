"""What a page carries for its scripts, JSON and code: compressed and in base64, which cannot end a script or a comment."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

_DIGITS = 6
"""Significant digits of numbers in charts: more than a screen shows."""


def packed(text: str) -> str:
    """Text, compressed and in base64; the same every time."""
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), 9, mtime=0)).decode()


def packed_json(content: Any) -> str:
    """Plain values, compressed and in base64: arrays of NumPy are lists, and numbers that JSON does not have null."""
    return packed(json.dumps(_plain(content), ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _plain(content: Any) -> Any:
    if hasattr(content, "tolist"):
        content = content.tolist()
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(value) for value in content]
    if isinstance(content, float):
        return float(f"{content:.{_DIGITS}g}") if math.isfinite(content) else None
    return content
