"""Plan the cells of a speed request: every combination of its options, in groups that are measured together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.machine.facts import last_level_cache_bytes
from mixbench.mixers import CONTROLS
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import canonical_json
from mixbench.studies.matching import MATCHES, match
from mixbench.studies.speed_request import SpeedRequest
from mixbench.tables.columns import columns
from mixbench.tables.remarks import remark
from mixbench.tables.speed_rows import DECODE, SpeedRow

VOCABULARY = 30_522
"""Tokens of BERT's vocabulary, as in the HyperMixer study."""
CLASSES = 3
FEATURE_FACTOR = 4
"""Hidden size of the feature MLP relative to the width, as in the Transformer."""

GROUP_KEYS = ("scope", "mode", "tokens", "width", "batch", "dtype", "device", "threads", "compiled", "execution")


@dataclass(frozen=True)
class PlannedCell:
    """One mixer at one point of the request: the row's keys, and what the measuring process needs to build it."""

    keys: dict[str, Any]
    job: dict[str, Any]
    label: str
    unsupported: str = ""
    remark: str = ""
    """What its rows say in `detail`."""

    @property
    def group(self) -> tuple[Any, ...]:
        """Shared by the cells that are measured together."""
        return tuple(self.keys[name] for name in GROUP_KEYS)

    def identity(self, environment: str) -> tuple[Any, ...]:
        """The identity of this cell's rows, as in `mixbench.tables.columns.identity`."""
        return (*self.keys.values(), environment)


def plan_speed(request: SpeedRequest) -> list[PlannedCell]:
    """All cells, group by group. Raises RequestError if a mixer cannot have any of the shapes."""
    cells = list(cells_of(request))
    possible = {(cell.keys["mixer"], cell.keys["config"]) for cell in cells if cell.job}
    impossible: dict[str, str] = {}
    for cell in cells:
        if (cell.keys["mixer"], cell.keys["config"]) not in possible:
            impossible.setdefault(cell.label, cell.unsupported)
    if impossible:
        first, *others = impossible
        nor = f"; nor can {', '.join(others)} have their shapes" if others else ""
        it = "them" if others else "it"
        raise RequestError(impossible[first] + nor, f"Choose another option or shape for {it}, or leave {it} out.")
    decoding = [cell for cell in cells if cell.keys["mode"] == DECODE]
    decoding = [cell for cell in decoding if cell.keys["mixer"] not in CONTROLS] or decoding
    if decoding and all(cell.unsupported for cell in decoding):
        named: dict[str, dict[str, None]] = {}
        for cell in decoding:
            named.setdefault(cell.unsupported, {})[cell.label] = None
        reasons = "; ".join(f"{', '.join(labels)}: {reason}" for reason, labels in named.items())
        raise RequestError(f"--mode decode: no mixer can be measured. {reasons}", _CAN_DECODE)
    return cells


_CAN_DECODE = "Name causal mixers with a state: `mixbench list` shows them."


def cells_of(request: SpeedRequest) -> Iterator[PlannedCell]:
    """All cells, group by group, whether this machine can measure them or not."""
    shapes = itertools.product(
        request.scope,
        request.mode,
        request.device,
        request.dtype,
        request.execution,
        request.batch,
        request.width,
        request.tokens,
    )
    names = [name for name, column in columns(SpeedRow).items() if column.role == "key"]
    for scope, mode, device, dtype, execution, batch, width, tokens in shapes:
        settings = _settings(request, scope, width, device)
        for mixer in request.mixers:
            values = {
                "mixer": mixer.name,
                "config": mixer.config,
                "scope": scope,
                "mode": mode,
                "tokens": tokens,
                "width": width,
                "batch": batch,
                "dtype": dtype,
                "device": device,
                "threads": request.threads,
                "compiled": execution == "compiled",
                "execution": execution,
                "settings": settings,
            }
            keys = {name: values[name] for name in names}
            try:
                sized, said = match(
                    mixer,
                    request.baseline,
                    request.match,
                    tokens,
                    width,
                    batch=batch,
                    device=device.partition(":")[0],
                    dtype=dtype,
                )
                arguments = sized.arguments(_room(mixer, mode, tokens), width)
            except RequestError as error:
                yield PlannedCell(keys, {}, mixer.label, str(error))
                continue
            job = _job(request, keys, mixer, arguments)
            reasons = (cannot_run(keys, mixer), _not_here(device, request.caches), mixer.lacks(device))
            yield PlannedCell(keys, job, mixer.label, next(filter(None, reasons), ""), remark("match", said) if said else "")


def _room(mixer: ChosenMixer, mode: str, tokens: int) -> int:
    """The number of tokens that a class is built for: in decode one more, unless the mixer takes any number."""
    any_length = mixer.entry and mixer.entry.takes_any_length(mixer.options)
    return tokens + 1 if mode == DECODE and not any_length else tokens


def cannot_run(keys: Mapping[str, Any], mixer: ChosenMixer) -> str:
    """Why no machine can measure a cell with these keys; empty where one can, and where only the code of a mixer tells."""
    if mixer.unsupported:
        return mixer.unsupported
    if keys["device"] == "cpu" and keys["execution"] == "graph":
        return "the CPU has no graphs that could be replayed"
    if keys["mode"] != DECODE:
        return ""
    if keys["scope"] == "model":
        return "the model is a classifier that pools all tokens, so it cannot decode; use --scope mixer or block"
    return mixer.lacks_steps


def _settings(request: SpeedRequest, scope: str, width: int, device: str) -> str:
    pinned: dict[str, Any] = {
        "affinity": "one thread per core" if device == "cpu" else "free",
        "allocator": "retained",
        "caches": request.caches,
        "cudnn_benchmark": False,
        "flush_denormals": True,
        "sdpa": "auto",
        "seed": request.seed,
        "tf32": False,
    }
    if request.baseline is not None and request.match != MATCHES[0]:
        pinned["match"] = f"{request.match} of {request.baseline.string}"
    if scope != "mixer":
        pinned["feature_hidden"] = FEATURE_FACTOR * width
    if scope == "model":
        pinned |= {"layers": request.layers, "vocabulary": VOCABULARY, "classes": CLASSES}
    return canonical_json(pinned)


def _job(request: SpeedRequest, keys: dict[str, Any], mixer: ChosenMixer, arguments: dict[str, Any]) -> dict[str, Any]:
    shared = ("scope", "mode", "tokens", "width", "batch", "dtype", "device", "execution")
    return {
        "target": mixer.target,
        "arguments": arguments,
        **{name: keys[name] for name in shared},
        "caches": request.caches,
        "seed": request.seed,
        "honours_mask": mixer.entry.honours_mask if mixer.entry else False,
        "layers": request.layers,
        "feature_hidden": FEATURE_FACTOR * keys["width"],
        "vocabulary": VOCABULARY,
        "classes": CLASSES,
    }


def _not_here(device: str, caches: str) -> str:
    """Why no mixer can be measured like this on this machine; empty where one can."""
    if device == "cpu" and caches == "cold" and not last_level_cache_bytes():
        return "the caches cannot be flushed: this system does not tell their size"
    return ""


def groups(cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
    """The cells by group, in the order of the plan."""
    grouped: dict[tuple[Any, ...], list[PlannedCell]] = {}
    for cell in cells:
        grouped.setdefault(cell.group, []).append(cell)
    return list(grouped.values())


_UNSAID = {"dtype": "float32", "device": "cpu", "execution": "eager"}


def describe(cell: PlannedCell) -> str:
    """The group of a cell in words, to report progress."""
    keys = cell.keys
    parts = [f"{keys['tokens']} tokens", f"width {keys['width']}", keys["mode"]]
    parts += [keys["scope"]] if keys["scope"] != "mixer" else []
    parts += [f"batch {keys['batch']}"] if keys["batch"] != 1 else []
    parts += [keys[name] for name, usual in _UNSAID.items() if keys[name] != usual]
    return ", ".join(parts)
