"""The progress of a study on standard error, with the time left: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median, median_low
from typing import Any

import typer

from mixbench.studies.progress import Step, duration

_RECENT = 6
"""What a step takes is learned from so many like it, the newest ones: a machine does not stay as fast as it was."""
_CAUTION = 0.5
"""How many steps of its own kind the expectation for a sort weighs as much as: a single step may have been disturbed."""
_NOT_ALL = 0.99
"""The share that is done at most while a step is left."""
_Kind = tuple[str, Hashable]


def _window() -> deque[float]:
    return deque(maxlen=_RECENT)


class Estimate:
    """How much of a part of a study is done, and how long the rest takes, by what finished steps took.

    A step takes as long as others of its kind did. Before there are some, its guess is corrected by the factor by which guesses
    for its sort were wrong, in the median. What was learned stays known in the next part.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._taken: dict[_Kind, deque[float]] = defaultdict(_window)
        self._ratios: dict[str, deque[float]] = defaultdict(_window)
        self.spent: dict[str, float] = defaultdict(float)
        """Seconds by the sort of step, over all parts."""
        self.begin(())

    def begin(self, steps: Iterable[Step], at_once: int = 1) -> None:
        """A part begins."""
        self._start = self._last = self._clock()
        self._at_once = at_once
        self._first = at_once
        self._running: dict[_Kind, list[float]] = defaultdict(list)
        self._share = 0.0
        self.remaining(steps)

    def remaining(self, steps: Iterable[Step]) -> None:
        """What is left of the part."""
        self._steps: dict[_Kind, Step] = {}
        self._left: Counter[_Kind] = Counter()
        for step in steps:
            kind = step.sort, step.name
            self._steps[kind] = step
            self._left[kind] += 1

    def begun(self, step: Step) -> None:
        """A step begins."""
        self._running[step.sort, step.name].append(self._clock())

    def done(self, step: Step) -> None:
        """A step is finished."""
        kind, now = (step.sort, step.name), self._clock()
        if starts := self._running[kind]:
            self._warm_up(step.sort)
        taken = now - (starts.pop(0) if starts else self._last)
        self._last = now
        self.spent[step.sort] += taken
        self._taken[kind].append(taken)
        if step.seconds > 0:  # what was to take no time says nothing of how long others take
            self._ratios[step.sort].append(taken / step.seconds)
        self._left[kind] -= 1
        if self._left[kind] <= 0:
            del self._left[kind]

    def _warm_up(self, sort: str) -> None:
        """Forget what the first step of each process took, as soon as there is another: it takes longer."""
        if self._first == 0:
            self._taken = defaultdict(_window, {kind: taken for kind, taken in self._taken.items() if kind[0] != sort})
            self._ratios[sort].clear()
        self._first -= 1

    @property
    def left(self) -> float:
        """Seconds until the part ends."""
        factors = {step.sort: self._factor(step) for step in self._steps.values()}
        expected = {kind: self._expected(kind, factors[kind[0]]) for kind in self._left}
        work = sum(count * expected[kind] for kind, count in self._left.items())
        now = self._clock()
        begun = sum(min(now - start, expected.get(kind, 0.0)) for kind, starts in [*self._running.items()] for start in starts)
        return max(work - begun, 0.0) / max(1, min(self._at_once, self._left.total()))

    def _expected(self, kind: _Kind, factor: float) -> float:
        """Seconds that a step takes: of an even number of steps, the lower median, for disturbances only make them longer."""
        taken = self._taken.get(kind)
        known = len(taken) * median_low(taken) if taken else 0.0
        return (known + _CAUTION * factor * self._steps[kind].seconds) / (len(taken or ()) + _CAUTION)

    def _factor(self, step: Step) -> float:
        """How much longer steps of this sort take than was guessed."""
        ratios = self._ratios[step.sort]
        return median((*ratios, *[1.0] * step.trust)) if ratios else 1.0

    @property
    def share(self) -> float:
        """How much of the part is done, 0 to 1: it never falls."""
        left, elapsed = self.left, self._clock() - self._start
        share = min(elapsed / (elapsed + left), _NOT_ALL) if elapsed > 0 else 0.0
        self._share = max(self._share, share) if self._left else 1.0
        return self._share


@contextmanager
def progress_display() -> Iterator[Display]:
    """A bar with the time left on a terminal, else a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    # drawn on request only: a thread that redraws would run beside the measurement
    with Bar(
        BarColumn(bar_width=20),
        TaskProgressColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", markup=False, table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        expand=True,
    ) as bar:
        yield _Bar(bar)


def in_words(seconds: float) -> str:
    """`about 40 s left`, `about 3 min left`, `about 2 h left`: rounded up, no more precise than an estimate is."""
    if seconds <= 90:
        return f"about {5 * math.ceil(seconds / 5)} s left"
    return f"about {math.ceil(seconds / 60)} min left" if seconds <= 5400 else f"about {math.ceil(seconds / 3600)} h left"


class Display:
    """A progress that keeps an estimate, and is drawn whenever something happens."""

    def __init__(self) -> None:
        self.estimate = Estimate()
        self.text = "starting"

    def begin(self, steps: Iterable[Step], at_once: int = 1) -> None:
        self.estimate.begin(steps, at_once)
        self.draw()

    def remaining(self, steps: Iterable[Step]) -> None:
        self.estimate.remaining(steps)

    def begun(self, step: Step) -> None:
        self.estimate.begun(step)

    def doing(self, text: str) -> None:
        self.text = text
        self.draw()

    def done(self, step: Step) -> None:
        self.estimate.done(step)

    def draw(self) -> None:
        """Show the share that is done, the time left and the text."""

    def remark(self, text: str) -> None:
        """Show a remark."""

    @property
    def spent(self) -> str:
        """How the time was spent, in words; empty where nothing was done."""
        parts = {sort: seconds for sort, seconds in self.estimate.spent.items() if seconds >= 0.5}
        words = ", ".join(f"{sort} {duration(seconds)}" for sort, seconds in parts.items())
        return f"Time: {duration(sum(self.estimate.spent.values()))} ({words})." if words else ""


class _Bar(Display):
    def __init__(self, bar: Any) -> None:
        super().__init__()
        self._bar = bar
        self._task = bar.add_task("starting", total=1.0, left="")

    def draw(self) -> None:
        left = in_words(self.estimate.left)
        self._bar.update(self._task, completed=self.estimate.share, description=self.text, left=left)
        self._bar.refresh()

    def remark(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


class _Lines(Display):
    _EVERY = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._said = time.monotonic()

    def draw(self) -> None:
        now = time.monotonic()
        if now - self._said >= self._EVERY:
            self._said = now
            typer.echo(f"{math.floor(100 * self.estimate.share):3}%  {in_words(self.estimate.left)}  {self.text}", err=True)

    def remark(self, text: str) -> None:
        typer.echo(text, err=True)
