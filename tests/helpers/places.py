"""Where things are in the repository."""

from __future__ import annotations

from pathlib import Path

HELPERS = Path(__file__).parent
REPOSITORY = HELPERS.parents[1]
SAMPLES = HELPERS / "sample_mixers.py"
"""Mixers of a user's own; importing their module imports torch."""
ODD = HELPERS / "odd_mixers.py"
"""More of them, with habits that a measurement may stumble over."""
DECODING = HELPERS / "decoding_mixers.py"
"""Mixers that can decode, or claim to."""
