"""Predicted seconds of calls and training steps, from closed forms: the time left is foreseen by them, and work shared out.

A prediction must be the same on every machine, or shards would not fit together: it knows the device's kind and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mixbench.mixers import MIXERS
from mixbench.tables.speed_rows import DECODE

_RATE = {"cpu": 8e10, "cuda": 2e13}
"""FLOP/s of wide products: on a core, or on a GPU."""
_HALF = {"cpu": 64, "cuda": 1024}
"""The width at which half of that is reached."""
_CHAINED = 2.0
"""How many times as long mixers take that are computed chunk by chunk."""
_THREADS = {"cpu": 2, "cuda": 1}
"""How many times as fast as on one core a call is, with the threads of a usual machine."""
_LAYER = {"cpu": 1.5e-3, "cuda": 5e-4}
"""Seconds of a layer in a training step, whatever its size; the rest of the step takes as long as one."""
_PER_VALUE = 1e-9
"""Seconds of reading and writing a value of the input."""
_FORWARD_AND_BACKWARD = 3


def call_seconds(mixer: str, job: Mapping[str, Any]) -> float:
    """About the seconds of one call of a cell of `speed`, given its job."""
    call, training = (job["batch"], _kind(job["device"]), job["dtype"]), job["mode"] == "training"
    tokens, width = job["tokens"], job["width"]
    seconds = _mixer_seconds(mixer, _hashable(job["arguments"]), call, training)
    if job["scope"] != "mixer":
        seconds += _feature_seconds(tokens, width, job["feature_hidden"], call, training)
    if job["scope"] == "model":
        seconds *= job["layers"]
    return float(seconds / (tokens if job["mode"] == DECODE else 1) / _THREADS[_kind(job["device"])])


def step_seconds(mixer: str, job: Mapping[str, Any]) -> float:
    """About the seconds of one training step of a model, given the job of its run."""
    kind = _kind(job["device"])
    call, tokens, width = (job["batch"], kind, "float32"), job["arguments"]["tokens"], job["width"]
    layer = _mixer_seconds(mixer, _hashable(job["arguments"]), call, True)
    layer += _feature_seconds(tokens, width, job["feature_hidden"], call, True)
    layers: int = job["layers"]
    return _LAYER[kind] * (1 + layers) + layers * layer


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _hashable(arguments: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(arguments.items()))


@lru_cache(4096)
def _mixer_seconds(mixer: str, arguments: tuple[tuple[str, Any], ...], call: tuple[int, str, str], training: bool) -> float:
    """Of `batch` sequences, forward or, in `training`, forward and backward. One without a closed form counts as attention."""
    given = dict(arguments)
    batch, kind, dtype = call
    tokens, width = given["tokens"], given["width"]
    factor = _FORWARD_AND_BACKWARD if training else 1
    entry = MIXERS.get(mixer)
    chained = _CHAINED if entry and entry.always_causal else 1.0
    if entry is None:
        flops = factor * (8 * tokens * width**2 + 4 * tokens**2 * width)
    elif training and entry.training_flops:
        flops = entry.training_flops(**given, batch=batch, device=kind, dtype=dtype)
    else:
        flops = (entry.training_factor if training else 1) * entry.flops(**given, batch=batch, device=kind, dtype=dtype)
    values = factor * tokens * width
    return float(batch * (chained * flops / _rate(kind, width) + _PER_VALUE * values))


def _feature_seconds(tokens: int, width: int, hidden: int, call: tuple[int, str, str], training: bool) -> float:
    """Of the feature MLP of a block."""
    batch, kind, _ = call
    return (_FORWARD_AND_BACKWARD if training else 1) * batch * 4 * tokens * width * hidden / _rate(kind, width)


def _rate(kind: str, width: int) -> float:
    return _RATE[kind] * width / (width + _HALF[kind])
