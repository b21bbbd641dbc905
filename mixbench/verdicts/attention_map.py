"""attention_map.csv in, summary out: how much of what trained mixers see falls on the tokens that they need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mixbench.stats import Interval, log_t_interval, t_interval
from mixbench.tables.columns import canonical_json
from mixbench.tables.rows import AttentionMapRow
from mixbench.verdicts.gate.cells import CellKey, by_cell, cell_labels, cell_places, keys_of, split_places
from mixbench.verdicts.labels import MixerKey, choose_environment, mixer_order, unpacked
from mixbench.verdicts.learning.scores import ERRORS


@dataclass(frozen=True)
class MixerMaps:
    """One mixer on one task: means over examples and seeds, None where there is nothing to average."""

    mixer: MixerKey
    label: str
    right: Interval | None
    """Share of right tokens, with its interval over seeds where there are several, else over examples."""
    chance: float | None
    distant: float | None
    score: Interval | None
    """On the test set, over seeds."""
    seeds: int
    examples: int
    """That have a share, of each seed about."""
    detail: str
    """Why a run failed, or why there is no share."""
    drawn: Mapping[int, str]
    """By example the file of the first seed's map."""


@dataclass(frozen=True)
class TaskMaps:
    """What was mapped on the same data; `words` is what the models share, `reach` what they see without mixing."""

    task: str
    words: tuple[str, ...]
    score: str
    reach: int | None
    lines: tuple[MixerMaps, ...]

    @property
    def is_error(self) -> bool:
        """Whether less is better of the score."""
        return self.score in ERRORS


def summarise(rows: Sequence[AttentionMapRow]) -> tuple[TaskMaps, ...]:
    """Every task of the newest environment."""
    newest = choose_environment(rows)
    tasks: dict[tuple[str, ...], list[AttentionMapRow]] = defaultdict(list)
    for row in (row for row in rows if row.environment == newest):
        data = unpacked(row.settings).get("task")
        tasks[row.task, str(row.tokens), canonical_json({"data": data})].append(row)
    return tuple(_task(own) for own in tasks.values())


def _task(rows: Sequence[AttentionMapRow]) -> TaskMaps:
    cells = by_cell(rows)
    labels = cell_labels(list(cells), AttentionMapRow)
    places = cell_places(list(cells), labels, AttentionMapRow)
    shared, left = split_places([{k: v for k, v in places[cell].items() if k != "task"} for cell in cells])
    words = dict(zip(cells, left, strict=True))
    ordered = {mixer: place for place, mixer in enumerate(mixer_order(map(_mixer, cells)))}
    lines = [
        _line(_mixer(cell), " ".join([labels[cell], *words[cell]]), cells[cell])
        for cell in sorted(cells, key=lambda cell: (ordered[_mixer(cell)], words[cell]))
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
    shares = [own for some in by_seed.values() if (own := [r.right_share for r in some if r.right_share is not None])]
    values = [fmean(own) for own in shares] if len(shares) > 1 else [value for own in shares for value in own]
    scores = [own[0] for some in by_seed.values() if (own := [r.test_score for r in some if r.test_score is not None])]
    first = by_seed[min(by_seed)]
    return MixerMaps(
        mixer,
        label,
        right=t_interval(values) if values else None,
        chance=_mean(row.chance_share for row in rows if row.right_share is not None),
        distant=_mean(row.distant_share for row in rows),
        score=_score(scores, next((row.score for row in rows if row.score), "")),
        seeds=len(shares),
        examples=max(map(len, shares), default=0),
        detail=next((_words(row) for row in rows if row.detail and (row.status != "ok" or row.right_share is None)), ""),
        drawn={row.example: row.map_file for row in first if row.map_file},
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _score(scores: Sequence[float], score: str) -> Interval | None:
    """As in the table of learning curves: errors on the log scale."""
    if not scores:
        return None
    return log_t_interval(scores) if score in ERRORS and min(scores) > 0 else t_interval(scores)


def _words(row: AttentionMapRow) -> str:
    return row.detail.removeprefix("right_share: ") if row.status == "ok" else f"{row.status}: {row.detail}"
