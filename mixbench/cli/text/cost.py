"""What a cost says as text: the three factors and their product by target, one sentence per mixer, where it all came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.brackets import needed, one_side, ratio
from mixbench.cli.text.layout import Column, Entry, Segment, as_text, interval_text, matrix, number, wrapped
from mixbench.stats import Interval
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.per_example import PER_EXAMPLE
from mixbench.verdicts.cost.product import PRODUCT, Known, MixerCost
from mixbench.verdicts.learning.resampling import DRAWS

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.api.cost import CostOutcome

_UNITS = {"s": ("ms", 1e3), "J": ("mJ", 1e3), "FLOP": ("MFLOP", 1e-6)}


def cost_table(outcome: CostOutcome, width: int, terminal: bool) -> Text:
    """What `mixbench cost` prints: tables per task and target, sentences, sources; as `data_efficiency_table`."""
    from mixbench.api.cost import with_folder

    room = width if terminal else None
    lines: list[list[Segment]] = []

    def add(text: str, style: str = "") -> None:
        lines.extend([(line, style)] for line in wrapped(text, room))

    for cost in outcome.costs:
        add(f"Cost of a score on {cost.subject.words}", "bold cyan")
        for target in cost.targets:
            at_target = [one for one in cost.costs if one.target == target]
            add(f"to a test and dev {_score(cost, target)}", "italic")
            lines += [*matrix([one.label for one in at_target], _absolute(cost, at_target), room), []]
            others = [one for one in at_target if one.ratios]
            if others:
                add(f"the same, relative to {cost.baseline}", "italic")
                lines += [*matrix([one.label for one in others], _relative(cost, others), room), []]
        for label in cost.mixers:
            add(sentence(cost, label))
        lines.append([])
        for note in _notes(cost, outcome):
            add(note, "dim")
        for lack in cost.lacks:
            add(f"{lack.table} has nothing of {', '.join(lack.mixers)} at this shape. To take it in:", "dim")
            lines.append([(f"  {with_folder(lack.command, outcome.folder)}", "dim")])
        lines.append([])
    return as_text(lines[:-1])


def sentence(cost: TaskCost, label: str) -> str:
    """What a mixer costs in plain words, at the hardest target that the baseline comes to."""
    at = {one.target: one for one in cost.costs if one.label == label}
    base = {one.target: one for one in cost.costs if one.label == cost.baseline}
    target = next((target for target in reversed(cost.targets) if _reached(base.get(target))), cost.targets[0])
    own, goal = at[target], _score(cost, target)
    fails = _does_not_reach(cost, own)
    if not own.ratios:
        unit, factor = _UNITS[cost.unit]
        each = f"{number(own.factors['example'].value.low * factor)} {unit} per example"
        if fails:
            return f"{label} does not come to {goal} {fails}; an example costs {each.removesuffix(' per example')}."
        data, trials = (needed(known.value, None, *cost.reach[name]) for name, known in _needs(own))
        return f"{label} comes to {goal} with {_told(data)} examples and {_told(trials)} trials, at {each}."
    product = own.ratios[PRODUCT]
    times = ratio(product.value, product.interval)
    if times is None:
        if fails:
            return f"{label} does not come to {goal} {fails}, nor does {cost.baseline}: their costs cannot be compared."
        return (
            f"{label} and {cost.baseline} come to {goal} with the fewest examples that were tried: a harder score tells more."
        )
    if fails:
        return f"{label} does not come to {goal} {fails}: its cost is {_times(product)} times that of {cost.baseline}."
    parts = {PER_EXAMPLE[cost.unit].partition(" ")[0]: "example", "data": "data", "trials": "trials"}
    told = [f"{name} {_told(ratio(own.ratios[factor].value, None))}" for name, factor in parts.items()]
    open_question = "" if _clear(product) else "; whether it is cheaper or dearer is open"
    return (
        f"{label} comes to {goal} at {_times(product)}{_interval(times)} times the cost of {cost.baseline}"
        f" ({' × '.join(told)}){open_question}."
    )


def _score(cost: TaskCost, target: float) -> str:
    return f"{cost.score} {'≤' if cost.is_error else '≥'} {target:g}"


def _absolute(cost: TaskCost, rows: Sequence[MixerCost]) -> list[Column]:
    unit, factor = _UNITS[cost.unit]
    headings = {"data": "examples", "trials": "trials"}
    per_example = Column(f"{unit} per example", [_measured(one.factors["example"], factor) for one in rows])
    return [
        per_example,
        *(
            Column(heading, [needed(one.factors[name].value, one.factors[name].interval, *cost.reach[name]) for one in rows])
            for name, heading in headings.items()
        ),
    ]


def _relative(cost: TaskCost, rows: Sequence[MixerCost]) -> list[Column]:
    headings = {"example": PER_EXAMPLE[cost.unit], "data": "data", "trials": "trials", PRODUCT: "cost"}
    return [
        Column(heading, [ratio(one.ratios[name].value, one.ratios[name].interval) for one in rows])
        for name, heading in headings.items()
    ]


def _measured(known: Known, factor: float) -> Entry:
    ends = (known.interval.low * factor, known.interval.high * factor) if known.interval else (None, None)
    return Entry(*interval_text(Interval(known.value.low * factor, *ends)))


def _needs(cost: MixerCost) -> list[tuple[str, Known]]:
    return [(name, cost.factors[name]) for name in ("data", "trials")]


def _reached(cost: MixerCost | None) -> bool:
    return cost is not None and cost.factors[PRODUCT].value.high < math.inf


def _does_not_reach(cost: TaskCost, own: MixerCost) -> str:
    """`with 3200 examples`, `in 10 trials`, both; empty where it comes to the score."""
    words = {"data": "with {} examples", "trials": "in {} trials"}
    return " nor ".join(
        words[name].format(f"{known.value.low:.0f}") for name, known in _needs(own) if known.value.high == math.inf
    )


def _times(known: Known) -> str:
    low, high = known.value.low, known.value.high
    if low == high:
        return number(low)
    return f"at least {number(low)}" if high == math.inf else f"at most {number(high)}" if low == 0 else one_side(known.value)


def _interval(times: Entry) -> str:
    """Of an interval that leaves everything open nothing."""
    return times.tail if "any" not in times.tail else ""


def _told(entry: Entry | None) -> str:
    return entry.number if entry else "unknown"


def _clear(known: Known) -> bool:
    return known.interval is not None and (known.interval.high < 1 or known.interval.low > 1)


def _notes(cost: TaskCost, outcome: CostOutcome) -> Iterator[str]:
    """How to read the numbers, and the rows that they came from."""
    yield (
        f"cost: {PER_EXAMPLE[cost.unit]} × training examples × tuning trials. In brackets: 95 % intervals, {DRAWS} draws of"
        " launches, seeds and trials at once. not reached: not with what was trained; ≥ and ≤: known from one side."
    )
    for source in cost.sources:
        yield f"{source.table}, {source.rows} rows: {source.words}."
    if outcome.mixed:
        yield "The tables come from different environments: the factors are not of one machine."
    if outcome.left_out:
        yield f"{outcome.left_out} rows of other environments are left out."
