"""Tests that need a GPU: they skip without one, and `pytest -m needs_gpu` runs them alone."""

from __future__ import annotations

from functools import cache

import pytest

needs_gpu = pytest.mark.needs_gpu
"""Skips a test on a machine without a GPU that torch can use (conftest.py does it)."""


@cache
def has_gpu() -> bool:
    """Whether torch can use a GPU here. It is asked only when a test depends on it: asking starts the driver."""
    import torch

    return torch.cuda.is_available()
