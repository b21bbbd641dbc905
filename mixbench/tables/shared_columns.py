"""Columns that several tables share: the mixer, the shape of a call, how it went, where and when."""

from __future__ import annotations

from dataclasses import dataclass

from mixbench.tables.fields import column, size

OBJECTS_IN_SETTINGS = ("task", "task.options", "searched")
"""Objects within the settings of a run: what determines its data, and the ranges of its search."""

SCHEMA = 3
"""Version of the tables. History: 1, the first; 2, training runs have constant_score, classes and dev_scores; 3, calls have an
execution."""


@dataclass(frozen=True, kw_only=True)
class MixerColumns:
    """Columns about the mixer that was measured or trained."""

    mixer: str = column("key", "name of the mixer, or file:class of the user's own")
    config: str = column("key", "the mixer's options as canonical JSON; values that depend on the shape stay symbolic", json=())


@dataclass(frozen=True, kw_only=True)
class ShapeColumns:
    """Columns about how a mixer was called."""

    scope: str = column("key", "what was measured: mixer, block or model")
    mode: str = column("key", "inference (forward), training (forward and backward) or decode (one new token after N)")
    tokens: int = size("sequence length N; in decode, length of the context", "tokens")
    width: int = size("channels per token d", "channels")
    batch: int = size("sequences per call", "sequences")
    dtype: str = column("key", "float32, bfloat16 or float16")
    device: str = column("key", "cpu, cuda or cuda:INDEX")


@dataclass(frozen=True, kw_only=True)
class StatusColumns:
    """Columns about how a measurement went."""

    status: str = column("outcome", "ok, unsupported, diverged, oom, timeout, killed or error", default="ok")
    detail: str = column(
        "outcome", "why the status is not ok; else remarks on the metrics: why one is empty or only a lower bound", default=""
    )


@dataclass(frozen=True, kw_only=True)
class OriginColumns:
    """Columns about where and when a row was measured."""

    environment: str = column("outcome", "hash of what is stable about the machine and the software: environments/HASH.json")
    measured_at: str = column("outcome", "start of the measuring process, UTC, ISO 8601")
    schema: int = column("outcome", "version of the table", default=SCHEMA)
