"""The answer of `mixbench speed`: how fast each mixer is against the baseline, and from which length on, as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixbench.stats import Interval
from mixbench.verdicts.labels import Context
from mixbench.verdicts.once import once
from mixbench.verdicts.speed.baseline import baselines_of
from mixbench.verdicts.speed.blocks import DISTURBED
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.crossover import Crossover, crossovers
from mixbench.verdicts.speed.smaller import Smaller, compared_sizes, in_words
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.words import far_apart, number, sized

_HOST_BOUND = "by device time; wall time is host-bound"
"""Said of a ratio at a length at which one of both mixers is host-bound."""


@dataclass(frozen=True)
class Verdict:
    """A mixer against the baseline in one context."""

    mixer: str
    """Label, as that of the baseline."""
    baseline: str
    context: Context
    tokens: int
    """The longest length that both were timed at."""
    ratio: Interval
    """Time relative to the baseline's at that length."""
    paired: bool
    """Whether the ratio was taken within processes; else there are no crossovers."""
    crossovers: tuple[Crossover, ...]
    """The lengths at which both are equally fast."""
    disturbed: bool
    """Whether other work took the cores while the ratio, or one at another length, was measured."""
    smaller: tuple[Smaller, ...]
    """In decode, what the mixer keeps between tokens against what the baseline keeps."""
    sentence: str


@once
def verdicts(summary: SpeedSummary) -> tuple[Verdict, ...]:
    """A verdict for each context and mixer that was timed beside the baseline, the fastest first."""
    found = []
    for context in dict.fromkeys(cell.context for cell in summary.cells):
        cells = [cell for cell in summary.cells if cell.context == context and cell.ratio and cell.label != cell.baseline]
        lines = [[cell for cell in cells if cell.label == label] for label in dict.fromkeys(cell.label for cell in cells)]
        beside = {cell.tokens: cell for cell in summary.cells if cell.context == context and cell.label == cell.baseline}
        bound = {(cell.label, cell.tokens) for cell in summary.cells if cell.context == context and cell.host_bound}
        baseline = next(iter(baselines_of(cells)), "")
        answers = [
            _verdict(line, beside, baseline, any((label, line[-1].tokens) in bound for label in (line[-1].label, baseline)))
            for line in lines
        ]
        found += sorted(answers, key=lambda verdict: verdict.ratio.point)
    return tuple(found)


def _verdict(line: Sequence[CellSummary], beside: Mapping[int, CellSummary], baseline: str, host_bound: bool) -> Verdict:
    """`beside` are the cells of the baseline, by length."""
    last = line[-1]
    assert last.ratio is not None
    paired = [cell for cell in line if cell.paired]
    crossed = crossovers({cell.tokens: cell.paired_ratios for cell in paired}) if len(paired) == len(line) else ()
    disturbed = any(cell.ratio_disturbed for cell in line)
    smaller = compared_sizes(line, beside) if last.decoding else ()
    parts = (_at_the_longest(last, baseline), along(line, crossed))
    remarks = "; ".join([*([_HOST_BOUND] if host_bound else []), *([DISTURBED] if disturbed else [])])
    sentence = "; ".join(filter(None, parts)) + (f" ({remarks})." if remarks else ".")
    return Verdict(
        mixer=last.label,
        baseline=baseline,
        context=last.context,
        tokens=last.tokens,
        ratio=last.ratio,
        paired=last.paired,
        crossovers=crossed,
        disturbed=disturbed,
        smaller=smaller,
        sentence=" ".join(filter(None, (sentence, in_words(smaller)))),
    )


def _at_the_longest(cell: CellSummary, baseline: str) -> str:
    decoding = cell.decoding
    ratio, at = cell.ratio, f"{'per token after' if decoding else 'at'} {sized(cell.tokens, 'token')}"
    assert ratio is not None
    speed = Interval(1 / ratio.point, ratio.high and 1 / ratio.high, ratio.low and 1 / ratio.low)
    if ratio.low is None or ratio.high is None:
        times = (
            f"is about {number(speed.point)} times as fast"
            if ratio.point < 1
            else f"takes about {number(ratio.point)} times as long"
        )
        return f"{cell.label} {times} as {baseline} {at}, from one launch and so without an interval"
    if ratio.high < 1:
        return f"{cell.label} is {_with_bounds(speed)} times as fast as {baseline} {at}"
    if ratio.low > 1:
        return f"{cell.label} takes {_with_bounds(ratio)} times as long as {baseline} {at}"
    apart = f"{cell.label} and {baseline} cannot be told apart {at}"
    if far_apart(ratio.low, ratio.high):
        return f"{apart}: more launches are needed"
    return f"{apart}: {_with_bounds(speed)} times as fast"


def along(line: Sequence[CellSummary], crossed: Sequence[Crossover]) -> str:
    """Where the mixer is level with the baseline, or on which side it stays."""
    if len(crossed) == 1 and line[0].decoding:
        to, end = ("from", " on") if crossed[0].faster_beyond else ("up to", "")
        return f"it needs less time per token {to} a context of about {_place(crossed[0], line)} tokens{end}"
    if len(crossed) == 1:
        side = "slower" if crossed[0].faster_beyond else "faster"
        return f"level with it at about {_place(crossed[0], line)} tokens, {side} below"
    if crossed:
        *first, last = (_place(crossover, line) for crossover in crossed)
        between = "faster" if crossed[0].faster_beyond else "slower"
        return f"level with it at about {', '.join(first)} and {last} tokens, {between} after the first"
    if len(line) < 2:
        return ""
    length = "context" if line[0].decoding else "length"
    ratios = [cell.ratio for cell in line if cell.ratio]
    if all(ratio.high is not None and ratio.high < 1 for ratio in ratios):
        return f"faster at every {length} from {line[0].tokens} on"
    if all(ratio.low is not None and ratio.low > 1 for ratio in ratios):
        return f"slower at every {length} from {line[0].tokens} on"
    return ""


def _place(crossover: Crossover, line: Sequence[CellSummary]) -> str:
    """`230 (190–280)`; `230 (below 64 to 280)` where the interval leaves the measured lengths."""
    ends = crossover.tokens, crossover.low, crossover.high
    point, low, high = (None if end is None else _rounded(end, 2) for end in ends)
    if low == high is not None:
        point, low, high = (None if end is None else _rounded(end, 3) for end in ends)
    if low is None and high is None:
        return f"{point}"
    if low is None or high is None:
        return f"{point} ({low or f'below {line[0].tokens}'} to {high or f'beyond {line[-1].tokens}'})"
    return f"{point} ({low}–{high})"


def _rounded(tokens: float, digits: int) -> int:
    """A few significant digits: a length is read off between those that were measured."""
    return int(float(f"{tokens:.{digits}g}"))


def _with_bounds(interval: Interval) -> str:
    bounds = [number(bound) for bound in (interval.low, interval.high) if bound is not None]
    return f"{number(interval.point)} ({'–'.join(bounds)})"
