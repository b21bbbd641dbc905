"""Advice across machines: how a cell's time relative to the baseline differs between two machines. It never fails the gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mixbench.mixers import CONTROLS
from mixbench.tables.rows import TABLE_NAMES
from mixbench.tables.selection import NOTHING, Selection
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.gate.cells import CellKey, cell_labels, cell_places, good_rows, keys_of
from mixbench.verdicts.gate.comparison import ComparedCell, Judgement
from mixbench.verdicts.gate.rules import judge_time, simultaneous_level
from mixbench.verdicts.labels import MixerKey, find_baseline, in_words, mixer_labels, unpacked
from mixbench.verdicts.machines import machine_words
from mixbench.verdicts.speed.ratio import compared
from mixbench.verdicts.words import counted

Machine = str
"""The canonical JSON of what an environment says of its machine."""
Cells = Mapping[CellKey, Mapping[Machine, Selection[SpeedRow]]]
"""The rows of each cell, by machine."""
_UNPAIRED = "not measured beside the baseline on both machines"
_MIXER, _THREADS = ("mixer", "config"), ("threads",)


@dataclass(frozen=True)
class Advice:
    """The time of a cell relative to that of its baseline, in base and head, each on its own machine."""

    keys: tuple[CellKey, CellKey]
    """They differ at most in the number of threads."""
    baseline: MixerKey
    machines: tuple[Machine, Machine]
    judgement: Judgement
    """Of a metric without a name: the ratio."""


def apart(base: Cells, head: Cells) -> list[tuple[CellKey, CellKey]]:
    """The cells that both versions have, but on no machine in common: their keys in base and head.

    Machines have different numbers of cores: where a cell of either version has no equal in the other, and just one that
    differs in its threads, these two are the same.
    """
    both = [(key, key) for key in base if key in head]
    alone = [
        _by_place([key for key in own if key not in other], leaving=_THREADS) for own, other in ((base, head), (head, base))
    ]
    both += [
        (alone[0][place][0], alone[1][place][0])
        for place in alone[0]
        if len(alone[0][place]) == len(alone[1].get(place, ())) == 1
    ]
    return [pair for pair in both if base[pair[0]].keys().isdisjoint(head[pair[1]])]


def advise(base: Cells, head: Cells, threshold: float) -> list[Advice]:
    """The ratios of the cells that `apart` finds, judged as times are, but for a baseline itself.

    The baseline of a shape is attention, else the first mixer that both versions have there; a control only if alone.
    """
    pairs = apart(base, head)
    level = simultaneous_level(len(pairs))
    shapes = [
        {place: {_mixer(key): key for key in keys} for place, keys in _by_place(side, leaving=_MIXER).items()}
        for side in (base, head)
    ]
    found = []
    for keys in pairs:
        beside = [own[_place(key, _MIXER)] for own, key in zip(shapes, keys, strict=True)]
        known = [mixer for mixer in beside[0] if mixer in beside[1]]
        baseline = find_baseline(None, [mixer for mixer in known if mixer[0] not in CONTROLS] or known)
        if baseline is None or _mixer(keys[0]) == baseline:
            continue
        sides = [_ratios(side[key], side[own[baseline]]) for side, key, own in zip((base, head), keys, beside, strict=True)]
        (here, below), (there, above) = sides
        judged = judge_time("", below, above, threshold=threshold, level=level)
        if not (below and above):
            judged = Judgement("", "undecided", remark=_UNPAIRED)
        elif judged.verdict != "undecided":
            judged = replace(judged, remark="")  # it advises a duel, which cannot tell machines apart
        found.append(Advice(keys, baseline, (here, there), judged))
    return found


def how_to_compare(cells: int) -> str:
    """What is said of so many cells that are apart."""
    return (
        f"{counted(cells, 'cell')} of speed.csv in both folders, but from different machines: not compared."
        " To compare their times relative to the baseline, as advice: --across-machines"
    )


def as_cells(advice: Sequence[Advice]) -> list[ComparedCell]:
    """The advice as cells: the ratio is called after the baseline, the machines are a part of the place."""
    keys = [own.keys[0] for own in advice]
    labels = cell_labels(keys, SpeedRow)
    places = cell_places(keys, labels, SpeedRow)
    baselines = mixer_labels([own.baseline for own in advice])
    threads = keys_of(SpeedRow).index("threads")
    cells = []
    for own in advice:
        sides = [
            f"{machine_words(unpacked(machine))}, {in_words('threads', key[threads])}"
            for machine, key in zip(own.machines, own.keys, strict=True)
        ]
        judged = replace(own.judgement, metric=f"ratio to {baselines[own.baseline]}")
        place = {name: text for name, text in places[own.keys[0]].items() if name != "threads"}
        place["machines"] = " → ".join(sides)
        cells.append(ComparedCell(TABLE_NAMES[SpeedRow], labels[own.keys[0]], place, (judged,)))
    return cells


def _by_place(keys: Iterable[CellKey], leaving: Sequence[str]) -> dict[CellKey, list[CellKey]]:
    found: dict[CellKey, list[CellKey]] = defaultdict(list)
    for key in keys:
        found[_place(key, leaving)].append(key)
    return found


def _place(key: CellKey, leaving: Sequence[str]) -> CellKey:
    """A key without some of its columns."""
    return tuple(value for name, value in zip(keys_of(SpeedRow), key, strict=True) if name not in leaving)


def _mixer(key: CellKey) -> MixerKey:
    named = dict(zip(keys_of(SpeedRow), key, strict=True))
    return named["mixer"], named["config"]


def _ratios(
    own: Mapping[Machine, Selection[SpeedRow]], baseline: Mapping[Machine, Selection[SpeedRow]]
) -> tuple[Machine, Mapping[int, float]]:
    """By launch, the time relative to the baseline's in the same process, on the newest machine that has both; and which."""
    shared = {machine: rows for machine, rows in own.items() if machine in baseline} or own
    machine = max(shared, key=lambda machine: max(shared[machine].values("measured_at")))
    return machine, compared(good_rows(own[machine]), good_rows(baseline.get(machine, NOTHING))).by_launch
