"""The tables of `mixbench cost`, a sentence per mixer, and the notes below: three factors and their product by target."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mixbench.stats import Interval
from mixbench.verdicts.brackets import bounded, needed, ratio
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.per_example import TIMED
from mixbench.verdicts.cost.product import PRODUCT, Known, MixerCost
from mixbench.verdicts.entries import DISTURBED, LOWER_BOUND, UNKNOWN, Entry, interval_text, signed
from mixbench.verdicts.learning.data_needed import UNKNOWN as UNKNOWN_RATIO
from mixbench.verdicts.learning.resampling import DRAWS
from mixbench.verdicts.speed.blocks import DISTURBED as DISTURBED_WORDS
from mixbench.verdicts.table import Column, Table
from mixbench.verdicts.words import COUNTED_OPERATIONS, counted, number

_UNITS = {"s": ("ms", 1e3), "J": ("mJ", 1e3), "FLOP": ("MFLOP", 1e-6)}


def target_tables(cost: TaskCost, target: float) -> Iterator[tuple[str, Table]]:
    """Captions and tables of a target score: each factor alone, then relative to the baseline."""
    own = [mixer for mixer in cost.costs if mixer.target == target]
    yield f"for {score_words(cost, target)}", Table([mixer.label for mixer in own], _absolute(cost, own))
    if others := [mixer for mixer in own if mixer.ratios]:
        title = f"the same relative to {cost.baseline}"
        yield title, Table([mixer.label for mixer in others], _relative(cost, others))


def sentence(cost: TaskCost, label: str) -> str:
    """The cost of a mixer as a sentence, for the hardest target that the baseline reaches."""
    by_target = {mixer.target: mixer for mixer in cost.costs if mixer.label == label}
    base = {mixer.target: mixer for mixer in cost.costs if mixer.label == cost.baseline}
    target = next((target for target in reversed(cost.targets) if _reaches(base.get(target))), cost.targets[0])
    own, goal = by_target[target], score_words(cost, target)
    limit = _tried(own)
    if not own.ratios:
        unit, factor = _UNITS[cost.unit]
        example = own.factors["example"].value
        kind = f" of {cost.measure}" if cost.unit == "s" and cost.measure != TIMED else ""
        each = f"{number(example.low * factor)} {unit}{kind}{' or more' if example.mark else ''}"
        mark = f" ({DISTURBED_WORDS})" if cost.is_disturbed(label, "example") else ""
        if limit:
            return f"{label} does not reach {goal} within {limit}; an example costs {each}{mark}."
        data, trials = (_number(_need(cost, own, name, interval=False)) for name in ("data", "trials"))
        return f"{label} reaches {goal} with {_in_words(data)} examples and {trials} trials, at {each} per example{mark}."
    product = own.ratios[PRODUCT]
    times = ratio(product.value, product.interval)
    if times is None and limit:
        nor = "" if _reaches(base.get(target)) else f", nor does {cost.baseline}"
        return f"{label} does not reach {goal} within {limit}{nor}: their costs cannot be compared."
    if times is None and not _reaches(base.get(target)):
        return f"{label} reaches {goal}, but {cost.baseline} does not: their costs cannot be compared."
    if times is None and own.ratios["data"].value == UNKNOWN_RATIO:
        return f"{label} and {cost.baseline} reach {goal} with the fewest examples that were tried: try a harder score."
    if times is None:
        bounded = [name for name in (label, cost.baseline) if name in cost.bounds]
        counts = "their FLOPs are lower bounds" if len(bounded) > 1 else f"the FLOPs of {bounded[0]} are a lower bound"
        return f"{label} and {cost.baseline} reach {goal}; {counts}, so their costs cannot be compared."
    disturbed = cost.is_disturbed(label, PRODUCT, relative=True)
    interval = "" if times.tail == UNKNOWN else times.tail
    if limit:
        beyond = f"{_times(product)}{interval} times that of {cost.baseline}{f' ({DISTURBED_WORDS})' if disturbed else ''}"
        if _decided(product):
            return f"{label} does not reach {goal} within {limit}: its cost is {beyond}."
        return f"{label} does not reach {goal} within {limit}: its estimated cost is {beyond}; it could still be cheaper."
    names = {cost.measure: "example", "data": "data", "trials": "trials"}
    factors = " × ".join(f"{name} {_number(ratio(own.ratios[factor].value, None))}" for name, factor in names.items())
    weak = f", {DISTURBED_WORDS}" * disturbed + "; it could be cheaper or more expensive" * (not _decided(product))
    times_it = f"{_times(product)}{interval} times"
    cost_of = f"a cost {times_it} that" if product.value.mark else f"{times_it} the cost"
    return f"{label} reaches {goal} at {cost_of} of {cost.baseline} ({factors}){weak}."


def score_words(cost: TaskCost, target: float) -> str:
    """A target score: `accuracy ≥ 0.9`."""
    return f"{cost.score} {'≤' if cost.is_error else '≥'} {target:g}"


def _absolute(cost: TaskCost, rows: Sequence[MixerCost]) -> list[Column]:
    unit, factor = _UNITS[cost.unit]
    times = [_marked(cost, row, "example", _measured(row.factors["example"], factor), relative=False) for row in rows]
    examples = Column(f"{unit} per example", times)
    needs = {"data": "examples", "trials": "trials"}
    return [
        examples,
        *(Column(title, [_need(cost, row, name) for row in rows]) for name, title in needs.items()),
    ]


def _need(cost: TaskCost, row: MixerCost, factor: str, *, interval: bool = True) -> Entry | None:
    known = row.factors[factor]
    return needed(known.value, known.interval if interval else None, *cost.reach[row.label][factor])


def _relative(cost: TaskCost, rows: Sequence[MixerCost]) -> list[Column]:
    factors = {"example": f"{cost.measure} per example", "data": "data", "trials": "trials", PRODUCT: "cost"}
    return [Column(title, [_ratio(cost, row, name) for row in rows]) for name, title in factors.items()]


def _ratio(cost: TaskCost, row: MixerCost, factor: str) -> Entry | None:
    known = row.ratios[factor]
    entry = ratio(known.value, known.interval)
    return entry and _marked(cost, row, factor, entry, relative=True)


def _marked(cost: TaskCost, row: MixerCost, factor: str, entry: Entry, *, relative: bool) -> Entry:
    return signed(entry, DISTURBED) if cost.is_disturbed(row.label, factor, relative=relative) else entry


def _measured(known: Known, factor: float) -> Entry:
    if known.value.mark:
        low = known.value.low * factor
        return Entry(f"{known.value.mark} {number(low)}", value=low, mark=LOWER_BOUND)
    ends = (known.interval.low * factor, known.interval.high * factor) if known.interval else (None, None)
    return Entry(*interval_text(Interval(known.value.low * factor, *ends)), value=known.value.low * factor)


def _reaches(cost: MixerCost | None) -> bool:
    return cost is not None and cost.reached


def _tried(cost: MixerCost) -> str:
    """The examples or trials that were not enough for the score: `3200 examples`, `10 trials`, both, or "" if it is reached."""
    nouns = {"data": "examples", "trials": "trials"}
    needs = {noun: cost.factors[name].value for name, noun in nouns.items()}
    return " or ".join(f"{need.low:.0f} {noun}" for noun, need in needs.items() if need.high == math.inf)


def _times(known: Known) -> str:
    return _in_words(bounded(known.value))


def _in_words(bound: str) -> str:
    return bound.replace("≥", "at least").replace("≤", "at most")


def _number(entry: Entry | None) -> str:
    return entry.number if entry else "unknown"


def _decided(known: Known) -> bool:
    return known.interval is not None and (known.interval.high < 1 or known.interval.low > 1)


def cost_notes(cost: TaskCost) -> Iterator[str]:
    """How to read the numbers, and the rows that they came from."""
    yield (
        f"cost: {cost.measure} per example × training examples × tuning trials. In brackets: 95 % intervals, {DRAWS} draws of"
        " launches, seeds and trials. ≥, ≤ and not reached: the score lies beyond what was trained. Examples are read off test"
        " scores, trials off development scores."
    )
    if cost.disturbed or cost.disturbed_ratios:
        yield DISTURBED.explained
    if cost.unit == "FLOP":
        yield f"FLOPs: {COUNTED_OPERATIONS}."
    for label, remark in cost.bounds.items():
        yield f"{label}: {remark}."
    yield from cost.warnings
    for source in cost.sources:
        yield f"{source.table}, {counted(source.rows, 'row')}: {source.words}."
    yield from cost.left_out
