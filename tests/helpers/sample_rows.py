"""A row of speed.csv with nothing but what it must have."""

from __future__ import annotations

from typing import Any

from mixbench.tables.speed_rows import SpeedRow

SOUND: dict[str, Any] = {
    "mixer": "attention",
    "config": "{}",
    "scope": "mixer",
    "mode": "inference",
    "tokens": 64,
    "width": 32,
    "batch": 1,
    "dtype": "float32",
    "device": "cpu",
    "threads": 1,
    "compiled": False,
    "settings": "{}",
    "launch": 1,
    "round": 1,
    "environment": "0123456789ab",
    "measured_at": "2025-01-01T00:00:00Z",
}


def speed_row(**changes: Any) -> SpeedRow:
    return SpeedRow(**{**SOUND, **changes})
