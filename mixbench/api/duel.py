"""The live gate as a function: a duel of two versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mixbench.api.duel_options import DuelOptions
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.selfcheck import figures_in_words, known_figures
from mixbench.errors import RequestError
from mixbench.execution.lockstep import Contest, Fault, Timed
from mixbench.execution.version import Version
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_names, parse_share, parse_sizes
from mixbench.studies.duel import PAIRS, DuelCell, Outcome, plan_duel, run_duel
from mixbench.studies.duel_versions import duel_sides
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.speed_request import DTYPES, PASSES, SCOPES, SpeedRequest
from mixbench.verdicts.gate.comparison import DUEL, Comparison
from mixbench.verdicts.gate.duel import FEWEST_PAIRS, FLOOR, Workload, judge_duel, looks

MIXERS = ("attention", "hypermixer", "mlp-mixer")
Looks = Mapping[int, Sequence[Outcome]]
"""The outcomes of pairs of processes, by contest."""


def measure_duel(options: DuelOptions) -> Comparison:
    """Carry out `duel` with an options object."""
    progress = options.progress or Silent()
    threshold = parse_share(options.threshold, "--threshold", least=0)
    if not (options.base.strip() and options.head.strip()):
        raise RequestError("a version to compare has no name", "Name two: mixbench duel main .")
    with duel_sides(options.base, options.head) as sides:
        if sides[0].mixer and options.causal:
            raise RequestError(
                "--causal is for two versions of the same mixers", "Name two causal mixers: attention:causal=true."
            )
        if sides[0].mixer and options.mixer:
            raise RequestError(
                "--mixer is for two versions of the same mixers", "To compare two mixers, give them as BASE and HEAD only."
            )
        request = SpeedRequest(
            mixers=choose_mixers(names_of(options.mixer) or MIXERS, causal=options.causal),
            tokens=parse_sizes(options.tokens, "--tokens"),
            width=parse_sizes(options.width, "--width"),
            batch=parse_sizes(options.batch, "--batch"),
            dtype=parse_names(options.dtype, DTYPES, "--dtype"),
            device=(options.device,),
            threads=1,
            mode=parse_names(options.mode, PASSES, "--mode"),
            scope=parse_names(options.scope, SCOPES, "--scope"),
            execution=("eager",),
            caches="warm",
            layers=options.layers,
            launches=PAIRS,
            precision=0.01,
            budget=1.0,
            timeout=options.timeout,
            seed=options.seed,
        )
        cells = dict(enumerate(plan_duel(request, sides)))
        for text in dict.fromkeys(text for side in sides for text in side.remarks):
            progress.remark(text)
        versions = sides[0].version, sides[1].version
        contests = {number: cell.contest for number, cell in cells.items()}
        first, second = two_looks(
            versions,
            contests,
            progress,
            threshold=threshold,
            device=options.device,
            timeout=options.timeout,
            seed=options.seed,
            words=lambda number: cells[number].words,
        )
    names = versions[0].name, versions[1].name
    workloads = [_workload(cell, first[number], second.get(number, ()), threshold) for number, cell in cells.items()]
    compared = judge_duel(names, workloads, threshold=threshold, same_mixer=sides[0].mixer is None)
    known = known_figures(device=options.device, threshold=threshold)
    remarks = (
        (figures_in_words(known),) if known else ("How reliable duel is on this machine is not known yet: mixbench selfcheck",)
    )
    return Comparison(*names, compared, remarks, {DUEL: threshold})


@takes(DuelOptions)
def duel(options: DuelOptions) -> Comparison:
    """Measure two versions live and in turns, and judge every workload.

    `base` and `head` are git revisions, source trees, interpreters or mixers. Below the relative change `threshold` nothing
    is flagged. Raises MixbenchError.
    """
    return measure_duel(options)


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
    """The outcomes of eight pairs for every contest, by number, and of eight more for those that the first flagged.

    They include the failures of a base that worked in another pair.

    Raises RequestError if neither version can be measured at all, WorkerError.
    """
    options: dict[str, Any] = {"device": device, "timeout": timeout, "words": words, "pairs": PAIRS}
    first = run_duel(versions, contests, progress, seed=2 * seed, **options)
    faults = [_fault(seen) for seen in first.values()]
    if all(fault and all(fault.sides) for fault in faults):
        raise RequestError(
            faults[0].detail if faults[0] else "there is nothing to measure", "Neither version could be measured."
        )
    flagged = {number: contests[number] for number, seen in first.items() if _flagged(seen, threshold)}
    if flagged:
        progress.remark(f"{len(flagged)} of {len(contests)} flagged: measuring again in {PAIRS} new pairs")
    return first, run_duel(versions, flagged, progress, seed=2 * seed + 1, **options)


def _fault(seen: Sequence[Outcome]) -> Fault | None:
    return next((outcome for outcome in seen if isinstance(outcome, Fault)), None)


def _enough(seen: Sequence[Outcome]) -> bool:
    """Whether a contest can be judged by these pairs: its head has never failed, and its base at most in a few."""
    failed = any(isinstance(outcome, Fault) and outcome.sides[1] for outcome in seen)
    return not failed and len(log_ratios(seen)) >= min(FEWEST_PAIRS, PAIRS)


def _flagged(seen: Sequence[Outcome], threshold: float) -> bool:
    return _enough(seen) and looks(log_ratios(seen), threshold) != 0


def _workload(cell: DuelCell, first: Sequence[Outcome], second: Sequence[Outcome], threshold: float) -> Workload:
    timed = [[seen for seen in look if isinstance(seen, Timed)] for look in (first, second)]
    judged = _enough(first) and (not _flagged(first, threshold) or _enough(second))
    failure = _failure([*first, *second], judged=judged)
    return Workload((cell.mixer.name, cell.mixer.config), cell.keys, timed[0], timed[1], *failure)


def _failure(seen: Sequence[Outcome], *, judged: bool) -> tuple[str, str]:
    """The verdict on a contest that cannot be `judged` by its times, else "", and what failed in it."""
    faults = [outcome for outcome in seen if isinstance(outcome, Fault)]
    if not faults:
        return "", ""
    if head := next((fault for fault in faults if fault.sides[1]), None):
        return "broken", head.detail
    if len(faults) == len(seen) and not any(fault.lost for fault in faults):
        return "new", faults[0].detail
    return "" if judged else "broken", f"the base failed in {len(faults)} of {len(seen)} pairs: {faults[0].detail}"


def log_ratios(seen: Sequence[Outcome]) -> list[float]:
    """The logarithms of the ratios, head to base, of the pairs in which a contest could be timed."""
    return [outcome.log_ratio for outcome in seen if isinstance(outcome, Timed)]
