"""Machines in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any


def machine_words(content: Mapping[str, Any]) -> str:
    """The machine of an environment: `AMD EPYC 7763, 4 cores, 16 GiB, 2 × NVIDIA H100`."""
    cores, memory = content.get("logical_cores"), content.get("memory_gib")
    gpus = [name if count == 1 else f"{count} × {name}" for name, count in Counter(content.get("gpus") or ()).items()]
    known = [
        str(content.get("cpu") or content.get("architecture") or "unknown CPU"),
        *([f"{cores} cores"] if cores else []),
        *([f"{memory} GiB"] if memory else []),
        *gpus,
    ]
    return ", ".join(known)
