"""What `gpu_check.sh` reads from the results of its steps: a line each, and exit code 1 where it is not what is asked for.

    python results/tool/gpu_figures.py KIND FOLDER [FOLDER] SECONDS

SECONDS is what the step took. `train-eagerly OPTION …` is `mixbench data-efficiency OPTION …` without CUDA graphs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow

SWEEP_SECONDS = 180
AGREEMENT = 0.05
GAP_MS = 0.002
"""A queued kernel may begin so long after the one before it; one in a graph begins sooner."""
Times = dict[tuple[str, int, str], float]


def sweep(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a cell that was not measured, or a sweep of more than three minutes."""
    rows = ResultsFolder(folder).read(SpeedRow)
    yield from _failed(rows)
    blocks = [row for row in rows if row.status == "ok"]
    if seconds > SWEEP_SECONDS:
        yield f"FAIL more than {SWEEP_SECONDS} s"
    cells = {(row.mixer, row.tokens) for row in blocks}
    throttled, contended = (sum(row.quality == name for row in blocks) for name in ("throttled", "contended"))
    yield f"{len(cells)} cells, {len(blocks)} blocks, {throttled} of them throttled, {contended} contended"
    printed = Path(f"{folder}.txt")
    yield from (line for line in printed.read_text().splitlines() if line.startswith("Time: ")) if printed.exists() else ()


def executions(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a time of queued calls that is not that of replayed ones, within 5 % and the gaps between kernels."""
    rows = ResultsFolder(folder).read(SpeedRow)
    yield from _failed(rows)
    times = _times(rows)
    operators = {(row.mixer, row.tokens): row.operators for row in rows if row.operators}
    for (mixer, tokens, execution), ms in sorted(times.items()):
        if execution == "eager":
            others = {name: times.get((mixer, tokens, name)) for name in ("graph", "compiled")}
            told = ", ".join(f"{name} {other:.4f}" for name, other in others.items() if other)
            graph, count = others["graph"] or ms, operators.get((mixer, tokens), 0)
            apart = ms / graph - 1
            fits = -AGREEMENT <= apart <= AGREEMENT + GAP_MS * count / graph
            fault = "" if fits else "FAIL "
            yield f"{fault}{mixer} at {tokens}: {ms:.4f} ms ({apart:+.1%}, {count} operators){f', {told}' if told else ''}"
    if compiling := {(row.mixer, row.tokens): row.compile_s for row in rows if row.compile_s is not None}:
        yield f"compiling took {min(compiling.values()):.1f} to {max(compiling.values()):.1f} s"


def energy(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a cell without energy whose row does not say why."""
    rows = ResultsFolder(folder).read(SpeedRow)
    yield from _failed(rows)
    for mixer in sorted({row.mixer for row in rows}):
        own = [row for row in rows if row.mixer == mixer]
        joules = next((row.energy_j for row in own if row.energy_j is not None), None)
        reason = next((row.detail for row in own if row.detail), "")
        yield f"{mixer}: {joules:.3g} J" if joules is not None else f"{'' if reason else 'FAIL '}{mixer}: no energy: {reason}"


def caches(seconds: float, warm: str, cold: str) -> Iterator[str]:
    """A failure is a call that is faster with cold caches."""
    rows = ResultsFolder(cold).read(SpeedRow)
    yield from _failed(rows)
    before = _times(ResultsFolder(warm).read(SpeedRow))
    for place, ms in sorted(_times(rows).items()):
        if place in before:
            ratio = ms / before[place]
            yield f"{'FAIL ' if ratio < 1 - AGREEMENT else ''}{place[0]} at {place[1]}: {ratio:.2f} × warm"


def fnet(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a dtype or a length that cannot be measured."""
    rows = ResultsFolder(folder).read(SpeedRow)
    yield from _failed(rows)
    yield ", ".join(sorted({f"{row.dtype} at {row.tokens}: {row.variant}" for row in rows if row.variant}))


def doctor(seconds: float, printed: str) -> Iterator[str]:
    """A failure is that there are no rates."""
    lines = [" ".join(line.split()) for line in Path(printed).read_text().splitlines()]
    rates = [line.partition(", ")[0] for line in lines if re.search(r"\d [TG]FLOP/s|\d GB/s", line)]
    yield "; ".join(rates) if rates else "FAIL no rate was measured"


def tests(seconds: float, printed: str, device: str) -> Iterator[str]:
    """A failure is that no test ran."""
    last = Path(printed).read_text().splitlines()[-1]
    yield f"{'' if ' passed' in f' {last}' or device == 'cpu' else 'FAIL '}{last}"


def grouping(seconds: float, printed: str) -> Iterator[str]:
    """A failure is a shape at which `auto` takes over 5 % longer than as written."""
    *_, last = [line for line in Path(printed).read_text().splitlines() if line.strip()]
    found = re.search(r"at most ([\d.]+) times", last)
    yield f"{'' if found and float(found[1]) <= 1 + AGREEMENT else 'FAIL '}{last}"


def fused(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a length at which the fused kernels did not run."""
    rows = ResultsFolder(folder).read(SpeedRow)
    yield from _failed(rows)
    others, own = (_times([row for row in rows if (row.variant == "grouping=fused") == is_own]) for is_own in (False, True))
    for place, ms in sorted(others.items()):
        yield f"{place[1]} tokens: {own[place]:.4f} ms, auto {ms:.4f}" if place in own else f"FAIL {place[1]} tokens: not fused"


def training(seconds: float, folder: str) -> Iterator[str]:
    """A failure is a run that failed."""
    rows = ResultsFolder(folder).read(TrainingRow)
    yield from _failed(rows)
    ok = [row for row in rows if row.status == "ok"]
    rates = [row.steps / row.train_seconds for row in ok if row.steps and row.train_seconds]
    scores = [row.test_score for row in ok if row.test_score is not None]
    if rates and scores:
        yield f"{60 * len(ok) / max(seconds, 1):.1f} runs a minute, {median(rates):.0f} steps a second"
        yield f"mean score {sum(scores) / len(scores):.3f}"
    yield from sorted({f"remark: {row.detail}" for row in ok if row.detail})[:2]


def train_eagerly(options: list[str]) -> None:
    """`mixbench data-efficiency` whose jobs forbid CUDA graphs."""
    from mixbench.__main__ import main
    from mixbench.studies.training import TrainingStudy

    TrainingStudy.as_graphs = lambda self, run: {"graphs": False}  # type: ignore[method-assign]
    sys.argv[1:] = ["data-efficiency", *options]
    main()  # it exits


def _times(rows: list[SpeedRow]) -> Times:
    """The median over launches of a call's time in ms, by mixer, tokens and execution."""
    found: dict[tuple[str, int, str], dict[int, list[float]]] = {}
    for row in rows:
        if row.status == "ok" and row.time_ms is not None:
            found.setdefault((row.mixer, row.tokens, row.execution), {}).setdefault(row.launch, []).append(row.time_ms)
    return {place: median(map(median, launches.values())) for place, launches in found.items()}


def _failed(rows: list[SpeedRow] | list[TrainingRow]) -> Iterator[str]:
    if not rows:
        yield "FAIL nothing was measured"
    yield from sorted({f"FAIL {row.mixer}: {row.status}: {row.detail}" for row in rows if row.status != "ok"})[:3]


KINDS: dict[str, Callable[..., Iterator[str]]] = {
    function.__name__: function
    for function in (sweep, executions, energy, caches, fnet, doctor, tests, grouping, fused, training)
}


def main() -> int:
    """Print the line of a kind."""
    kind, *given = sys.argv[1:]
    if kind == "train-eagerly":
        train_eagerly(given)
        return 0
    *folders, seconds = given
    found = list(KINDS[kind](float(seconds), *folders))
    print("; ".join(found))
    return int(any(text.startswith("FAIL") for text in found))


if __name__ == "__main__":
    sys.exit(main())
