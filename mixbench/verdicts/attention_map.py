"""From attention_map.csv to a summary: how much of a trained mixer's sensitivity falls on the tokens that it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from mixbench.parsing.canonical import canonical_json
from mixbench.stats import Interval
from mixbench.tables.scores import ERRORS
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.environments import UNKNOWN, Environments, united
from mixbench.verdicts.gate.cells import CellKey, by_cell, cell_labels, cell_places, keys_of, split_places
from mixbench.verdicts.labels import MixerKey, mixer_order, unpacked
from mixbench.verdicts.learning.means import known_mean, mean_score, mean_share
from mixbench.verdicts.records import interval_columns
from mixbench.verdicts.words import in_percent

ON_NEEDED = "on needed inputs"
"""What tables and figures call the share of the sensitivity to distant inputs that falls on those that are needed."""


@dataclass(frozen=True)
class MixerMaps:
    """One mixer on one task: means over examples and seeds, None where there is nothing to average. Shares are from 0 to 1."""

    mixer: MixerKey
    label: str
    right: Interval | None
    """Share on needed inputs, with its interval over seeds, or over examples where there is one seed."""
    chance: float | None
    """The same share of an even map."""
    distant: float | None
    """Share on tokens that only mixing reaches."""
    score: Interval | None
    """Mean test score over seeds."""
    seeds: int
    by_seed: Mapping[int, float]
    """Mean share on needed inputs over the examples of each seed that has one."""
    examples: int
    """The most examples of any seed that have a share."""
    detail: str
    """Why a run failed, or why there is no share."""
    drawn: Mapping[int, str]
    """File of the first seed's map, by example."""


@dataclass(frozen=True)
class TaskMaps:
    """All maps on the same data."""

    task: str
    words: tuple[str, ...]
    """A text of what the models share."""
    score: str
    reach: int | None
    """How many tokens to either side an output sees without mixing."""
    lines: tuple[MixerMaps, ...]

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.score in ERRORS


def summarise(rows: Sequence[AttentionMapRow], contents: Environments = UNKNOWN) -> tuple[TaskMaps, ...]:
    """Every task of the newest environment, and of those that `united` adds by the `contents` of others."""
    tasks: dict[tuple[str, ...], list[AttentionMapRow]] = defaultdict(list)
    for row in united(rows, contents):
        data = unpacked(row.settings).get("task")
        tasks[row.task, str(row.tokens), canonical_json({"data": data})].append(row)
    return tuple(_task(own) for own in tasks.values())


def _task(rows: Sequence[AttentionMapRow]) -> TaskMaps:
    cells = by_cell(rows, {})
    labels = cell_labels(list(cells), AttentionMapRow)
    places = cell_places(list(cells), labels, AttentionMapRow)
    shared, own = split_places([{k: v for k, v in places[cell].items() if k != "task"} for cell in cells])
    words = dict(zip(cells, own, strict=True))
    order = mixer_order(map(_mixer, cells))
    lines = [
        _line(_mixer(cell), " ".join([labels[cell], *words[cell]]), cells[cell])
        for cell in sorted(cells, key=lambda cell: (order.index(_mixer(cell)), words[cell]))
    ]
    score = next((row.score for row in rows if row.score), "")
    reach = next((row.reach for row in rows if row.reach is not None), None)
    return TaskMaps(rows[0].task, tuple(shared), score, reach, tuple(lines))


def _mixer(cell: CellKey) -> MixerKey:
    keys = dict(zip(keys_of(AttentionMapRow), cell, strict=True))
    return keys["mixer"], keys["config"]


def _line(mixer: MixerKey, label: str, rows: Sequence[AttentionMapRow]) -> MixerMaps:
    by_seed: dict[int, list[AttentionMapRow]] = defaultdict(list)
    for row in rows:
        by_seed[row.seed].append(row)
    by_run = {seed: [row.right_share for row in run if row.right_share is not None] for seed, run in by_seed.items()}
    shares = {seed: run for seed, run in by_run.items() if run}
    means = {seed: fmean(run) for seed, run in shares.items()}
    replicates = [*means.values()] if len(means) > 1 else [share for run in shares.values() for share in run]
    scores = {row.seed: row.test_score for row in rows if row.test_score is not None}
    score = next((row.score for row in rows if row.score), "")
    return MixerMaps(
        mixer,
        label,
        right=mean_share(replicates) if replicates else None,
        chance=known_mean(row.chance_share for row in rows if row.right_share is not None),
        distant=known_mean(row.distant_share for row in rows),
        score=mean_score(list(scores.values()), score in ERRORS),
        seeds=len(shares),
        by_seed=means,
        examples=max(map(len, shares.values()), default=0),
        detail=next((_reason(row) for row in rows if row.detail and (row.status != "ok" or row.right_share is None)), ""),
        drawn={row.example: row.map_file for row in by_seed[min(by_seed)] if row.map_file},
    )


def _reason(row: AttentionMapRow) -> str:
    return row.detail.removeprefix("right_share: ") if row.status == "ok" else f"{row.status}: {row.detail}"


def share_sentence(line: MixerMaps) -> str:
    """How much of a mixer's sensitivity falls on needed inputs, as a sentence; empty where that is not known."""
    if line.right is None:
        return ""
    point, bounds = interval_text(line.right, lambda share: in_percent(share, ".1f"))
    even = f"; an even map has {in_percent(line.chance, '.1f')} %" if line.chance is not None else ""
    return f"{line.label}: {point} %{bounds} of the sensitivity to distant inputs falls on needed ones{even}."


def records(tasks: Sequence[TaskMaps]) -> list[dict[str, Any]]:
    """The printed table as a record per task and mixer; for columns of intervals see `mixbench.verdicts.records`."""
    return [
        {
            "task": task.task,
            "models": " · ".join(task.words),
            "mixer": line.label,
            **interval_columns("right_share_percent", line.right, 100),
            "even_map_share_percent": None if line.chance is None else 100 * line.chance,
            "distant_share_percent": None if line.distant is None else 100 * line.distant,
            "score": task.score,
            **interval_columns("test_score", line.score),
            "reach_tokens": task.reach,
            "seeds": line.seeds,
            "examples": line.examples,
            "detail": line.detail,
        }
        for task in tasks
        for line in task.lines
    ]
