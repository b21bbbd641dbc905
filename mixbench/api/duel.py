"""The live gate as a function: a duel of two versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import geometric_mean, median
from typing import TYPE_CHECKING, Any

from mixbench.api.common import Names, Sizes
from mixbench.errors import RequestError
from mixbench.execution.lockstep import Contest, Fault, Timed, Version
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_names, parse_sizes
from mixbench.studies.duel import PAIRS, DuelCell, Outcome, plan_duel, run_duel
from mixbench.studies.duel_versions import duel_sides
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.speed_plan import DTYPES, MODES, SCOPES, SpeedRequest
from mixbench.verdicts.gate.duel import FLOOR, judge_pairs, looks

if TYPE_CHECKING:
    from mixbench.verdicts.gate.comparison import Comparison

MIXERS = ("attention", "hypermixer", "mlp-mixer")
_SAMPLES_DIFFER = 1e-3
Looks = Mapping[int, Sequence[Outcome]]
"""What pairs of processes saw, by contest."""


def duel(
    base: str,
    head: str,
    *,
    mixer: str | Sequence[str] | None = None,
    tokens: Sizes = 256,
    width: Sizes = 256,
    batch: Sizes = 1,
    mode: Names = "inference",
    scope: Names = "mixer",
    dtype: Names = "float32",
    device: str = "cpu",
    layers: int = 6,
    seed: int = 0,
    timeout: float = 120.0,
    threshold: float = FLOOR,
    progress: Progress | None = None,
) -> Comparison:
    """Measure two versions live and in turns, and judge every workload.

    Options are those of `mixbench duel`; `base` and `head` are git revisions, source trees, interpreters or mixers. Below
    the relative change `threshold` nothing is flagged.
    Raises MixbenchError.
    """
    progress = progress or Silent()
    with duel_sides(base, head) as sides:
        if sides[0].mixer and mixer:
            raise RequestError("--mixer is for two versions of the same mixers", "Two mixers are named as BASE and HEAD.")
        request = SpeedRequest(
            mixers=choose_mixers([mixer] if isinstance(mixer, str) else mixer or MIXERS),
            tokens=parse_sizes(tokens, "--tokens"),
            width=parse_sizes(width, "--width"),
            batch=parse_sizes(batch, "--batch"),
            dtype=parse_names(dtype, DTYPES, "--dtype"),
            device=(device,),
            threads=1,
            mode=parse_names(mode, MODES, "--mode"),
            scope=parse_names(scope, SCOPES, "--scope"),
            compiled=False,
            layers=layers,
            launches=PAIRS,
            precision=0.01,
            budget=1.0,
            timeout=timeout,
            seed=seed,
        )
        cells = dict(enumerate(plan_duel(request, sides)))
        versions = sides[0].version, sides[1].version
        contests = {number: cell.contest for number, cell in cells.items()}
        seen = two_looks(
            versions,
            contests,
            progress,
            threshold=threshold,
            device=device,
            timeout=timeout,
            seed=seed,
            words=lambda number: cells[number].words,
        )
    names = versions[0].name, versions[1].name
    return _judged(names, cells, *seen, threshold=threshold, device=device, same_mixer=sides[0].mixer is None)


def two_looks(
    versions: tuple[Version, Version],
    contests: Mapping[int, Contest],
    progress: Progress,
    *,
    threshold: float = FLOOR,
    device: str = "cpu",
    timeout: float = 120.0,
    seed: int = 0,
    words: Callable[[int], str] = str,
) -> tuple[Looks, Looks]:
    """What eight pairs saw of every contest, by number, and what eight more saw of those that the first flagged.

    Raises RequestError where neither side can be measured at all, WorkerError.
    """
    progress.begin(PAIRS * len(contests))
    options: dict[str, Any] = {"device": device, "timeout": timeout, "words": words, "pairs": PAIRS}
    first = run_duel(versions, contests, progress, seed=2 * seed, **options)
    faults = [_fault(seen) for seen in first.values()]
    if all(fault and all(fault.sides) for fault in faults):
        raise RequestError(faults[0].detail if faults[0] else "there is nothing to measure", "Neither side could be measured.")
    flagged = {
        number: contests[number] for number, seen in first.items() if not _fault(seen) and looks(log_ratios(seen), threshold)
    }
    if flagged:
        progress.remark(f"{len(flagged)} of {len(contests)} flagged: measured again in {PAIRS} new pairs")
        progress.begin(PAIRS * len(flagged))
    return first, run_duel(versions, flagged, progress, seed=2 * seed + 1, **options)


def _fault(seen: Sequence[Outcome]) -> Fault | None:
    return next((one for one in seen if isinstance(one, Fault)), None)


def log_ratios(seen: Sequence[Outcome]) -> list[float]:
    """Of the pairs in which a contest could be timed."""
    return [one.log_ratio for one in seen if isinstance(one, Timed)]


def _judged(
    names: tuple[str, str],
    cells: Mapping[int, DuelCell],
    first: Looks,
    second: Looks,
    *,
    threshold: float,
    device: str,
    same_mixer: bool,
) -> Comparison:
    from mixbench.api.selfcheck import figures_in_words, known_figures
    from mixbench.verdicts.gate.cells import place_of
    from mixbench.verdicts.gate.compare import importance
    from mixbench.verdicts.gate.comparison import DUEL, ComparedCell, Comparison
    from mixbench.verdicts.labels import mixer_labels

    labels = mixer_labels((cell.mixer.name, cell.mixer.config) for cell in cells.values())
    compared = []
    for number, cell in cells.items():
        label = labels[cell.mixer.name, cell.mixer.config] if same_mixer else f"{names[1]} against {names[0]}"
        judged = _verdict(cell, first[number], second.get(number, ()), threshold=threshold, same_mixer=same_mixer)
        compared.append(ComparedCell(DUEL, label, place_of(cell.keys), **judged))
    compared.sort(key=importance)
    known = known_figures(device=device, threshold=threshold)
    remarks = (figures_in_words(known),) if known else ("What this gate can do here is not known yet: mixbench selfcheck",)
    return Comparison(*names, tuple(compared), remarks, {DUEL: threshold})


def _verdict(
    cell: DuelCell, first: Sequence[Outcome], second: Sequence[Outcome], *, threshold: float, same_mixer: bool
) -> dict[str, Any]:
    """Judgements, detail and cause of one workload."""
    from math import expm1

    from mixbench.verdicts.gate.comparison import STATUS, Judgement

    if fault := _fault([*first, *second]):
        verdict = "broken" if fault.sides[1] else "new"
        return {"judgements": (Judgement(STATUS, verdict),), "detail": fault.detail}
    timed = [one for one in (*first, *second) if isinstance(one, Timed)]
    seconds = geometric_mean(one.seconds[0] for one in timed), geometric_mean(one.seconds[1] for one in timed)
    wall = expm1(median(one.wall_log_ratio for one in timed))
    metric = "cpu_ms" if cell.keys["device"] == "cpu" else "device_ms"
    judgement = judge_pairs(metric, seconds, log_ratios(first), log_ratios(second), floor=threshold, wall=wall)
    built = timed[0].built
    more = built[1]["operators"] - built[0]["operators"]
    causes = [f"{abs(more)} {'more' if more > 0 else 'fewer'} operator{'s' if abs(more) > 1 else ''}"] if more else []
    if built[0]["params"] != built[1]["params"]:
        causes.append(f"{built[1]['params'] - built[0]['params']:+d} parameters")
    differs = same_mixer and _differ(built[0]["sample"], built[1]["sample"])
    detail = "the outputs differ: not the same function" if differs else ""
    return {"judgements": (judgement,), "detail": detail, "cause": ", ".join(causes)}


def _differ(base: Sequence[float], head: Sequence[float]) -> bool:
    norm = sum(value**2 for value in base) ** 0.5
    return len(base) != len(head) or sum((a - b) ** 2 for a, b in zip(base, head, strict=True)) ** 0.5 > _SAMPLES_DIFFER * norm
