"""Find the training runs to compare: those that share everything but mixer, size and seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mixbench.parsing.canonical import canonical_json
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow
from mixbench.verdicts.labels import MixerKey, in_words, unpacked

_LONGEST_VALUE = 12
_OF_WIDTH = "feature_hidden"
"""The setting that is a multiple of the width, usually the same."""
Run = TypeVar("Run", TrainingRow, AttentionMapRow)
Line = tuple[MixerKey, str]
"""A mixer and its requested learning rate."""


@dataclass(frozen=True, order=True)
class TaskContext:
    """The values that compared runs share; fields as in data_efficiency.csv."""

    task: str
    layers: int
    width: int
    tokens: int
    device: str
    settings: str
    """The settings without the requested learning rate."""
    learning_rate: str
    """The requested learning rate, a number or `auto`; empty if each mixer has its own."""


def by_context(rows: Iterable[Run]) -> dict[TaskContext, tuple[list[Run], int]]:
    """The rows of each context, and how many runs that only chose a learning rate were left out.

    Where every mixer has one requested learning rate, mixers are compared even if these differ. Where a mixer has several, each
    rate is a context of its own, so that nothing is averaged over rates.
    """
    shared: dict[TaskContext, dict[Line, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        settings = unpacked(row.settings)
        rate = settings.pop("learning_rate", "")
        context = TaskContext(row.task, row.layers, row.width, row.tokens, row.device, canonical_json(settings), "")
        shared[context][(row.mixer, row.config), str(rate)].append(row)
    contexts: dict[TaskContext, tuple[list[Run], int]] = {}
    for context, lines in shared.items():
        studied = {line: runs for line, runs in lines.items() if not _is_trial(line, lines)}
        rates = {rate for _, rate in studied}
        several = len({mixer for mixer, _ in studied}) < len(studied)
        left_out = sum(map(len, lines.values())) - sum(map(len, studied.values()))
        for rate in sorted(rates) if several or len(rates) == 1 else [""]:
            runs = [row for (_, requested), own in studied.items() for row in own if rate in ("", requested)]
            contexts[replace(context, learning_rate=rate)] = runs, left_out if rate == "auto" or not several else 0
    return contexts


def task_words(contexts: Sequence[TaskContext]) -> list[dict[str, str]]:
    """Each context in words, by field, without the task; only settings that differ between contexts of one task."""
    flat = [unpacked(context.settings) for context in contexts]
    for nested in ("task", "options"):
        flat = [settings | inner if isinstance(inner := settings.pop(nested, None), dict) else settings for settings in flat]
    words = []
    for context, own in zip(contexts, flat, strict=True):
        others = [other for peer, other in zip(contexts, flat, strict=True) if peer.task == context.task]
        differing = {key: value for key, value in own.items() if any(other.get(key) != value for other in others)}
        if len({_of_width(other, peer.width) for peer, other in zip(contexts, flat, strict=True)}) == 1:
            differing.pop(_OF_WIDTH, None)  # it says no more than the width
        words.append(
            {
                **{name: in_words(name, getattr(context, name)) for name in ("layers", "width", "tokens", "device")},
                "learning_rate": f"learning rate {context.learning_rate or 'by mixer'}",
            }
            | {key: f"{key}={str(value)[:_LONGEST_VALUE]}" for key, value in sorted(differing.items())}
        )
    return words


def _of_width(settings: Mapping[str, Any], width: int) -> float | str:
    value = settings.get(_OF_WIDTH)
    return value / width if isinstance(value, int) else repr(value)


def _is_trial(line: Line, lines: Mapping[Line, Sequence[Run]]) -> bool:
    """Whether these runs, one per size and rate, only served to choose the learning rate of the same mixer's `auto`."""
    mixer, rate = line
    chosen = {(row.train_size, row.seed) for row in lines.get((mixer, "auto"), ())}
    tried = {(row.train_size, row.seed) for row in lines[line]}
    return rate != "auto" and tried <= chosen and len({seed for _, seed in tried}) == 1 and (len(tried) == 1 or tried < chosen)
