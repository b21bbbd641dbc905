"""Where this machine keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where data sets are kept: $MIXBENCH_CACHE, or else mixbench in $XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("MIXBENCH_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mixbench"
