"""The names that mixbench knows: mixers, plug-ins, tasks, metrics and statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixbench.api.catalogue_options import CatalogueOptions
from mixbench.api.options import takes
from mixbench.errors import UnknownNameError
from mixbench.mixers import FAMILIES, MIXERS
from mixbench.mixers.description import Mixer
from mixbench.mixers.plugins import plugins, why_unusable
from mixbench.parsing.option import Option
from mixbench.tables.columns import FAILURES, Row, columns
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow
from mixbench.tasks import TASKS, Task

STATUS_MEANINGS = {
    "ok": "measured",
    "unsupported": "the mixer cannot run like this here: this shape, device, execution or these caches",
    "diverged": "the output or the loss was not finite",
    "oom": "the memory ran out, or would have",
    "timeout": "no progress within --timeout",
    "killed": "a signal ended the measuring process",
    "error": "the mixer raised an error, also at its import, or a built-in one fails its contract",
}


_NAMED = ("mixers", "plugins", "tasks")


def describe(options: CatalogueOptions) -> dict[str, Any]:
    """All mixers, plug-ins, tasks, metrics and statuses, as JSON-able data; of named ones, only these.

    Raises UnknownNameError.
    """
    table = _everything()
    if not options.names:
        return table
    known = [entry["name"] for kind in _NAMED for entry in table[kind]]
    for name in options.names:
        if name not in known:
            raise UnknownNameError("name", name, known)
    named = {kind: [entry for entry in table[kind] if entry["name"] in options.names] for kind in _NAMED}
    return {kind: named.get(kind, []) for kind in table}


def _everything() -> dict[str, Any]:
    return {
        "mixers": [_describe(mixer) for mixer in MIXERS.values()],
        "plugins": [
            {"name": name, "target": point.value, "fault": why_unusable(name, offers)}
            for name, offers in plugins().items()
            for point in offers
        ],
        "tasks": [_describe_task(task) for task in TASKS.values()],
        "metrics": _metrics(SpeedRow),
        "training_metrics": _metrics(TrainingRow),
        "map_metrics": _metrics(AttentionMapRow),
        "statuses": [
            {"name": name, "failure": name in FAILURES, "meaning": meaning} for name, meaning in STATUS_MEANINGS.items()
        ],
    }


@takes(CatalogueOptions)
def list(options: CatalogueOptions) -> dict[str, Any]:
    """All mixers, plug-ins, tasks, metrics and statuses, as plain values."""
    return describe(options)


def _describe(mixer: Mixer) -> dict[str, Any]:
    return {
        "name": mixer.name,
        "summary": mixer.summary,
        "paper": mixer.paper,
        "honours_mask": mixer.honours_mask,
        "any_length": mixer.any_length,
        "fixed_with": mixer.fixed_with,
        "length": mixer.length,
        "family": next(family.title for family in FAMILIES.values() if mixer in family.mixers),
        "causality": mixer.causality,
        "state": mixer.state,
        "free": mixer.free,
        "options": [_describe_option(option) for option in mixer.options],
    }


def _describe_task(task: Task) -> dict[str, Any]:
    options = [_describe_option(option) for option in task.options]
    return {"name": task.name, "summary": task.summary, "paper": task.paper, "options": options}


def _describe_option(option: Option) -> dict[str, Any]:
    return {"name": option.name, "default": option.default, "expected": option.expected, "meaning": option.meaning}


def _metrics(row_type: type[Row]) -> Sequence[dict[str, Any]]:
    return [
        {"name": name, "unit": column.unit, "better": column.better, "meaning": column.meaning}
        for name, column in columns(row_type).items()
        if column.role == "metric"
    ]
