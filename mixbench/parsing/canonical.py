"""One text for equal values, and short names made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(values: Mapping[str, Any]) -> str:
    """JSON that is equal for equal values: sorted keys, no spaces. Raises ValueError for a number that is not finite."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(text: str, digits: int) -> str:
    """The first hexadecimal digits of the SHA-256 of a text, used as a file name."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
