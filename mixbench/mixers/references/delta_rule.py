"""The delta rule, token by token."""

from __future__ import annotations
