"""The content of a report: the measures and failures of a results folder, or the verdicts of a comparison on every cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from mixbench.tables.selection import distinct
from mixbench.verdicts.gate.cells import (
    Measured,
    earlier_code,
    names_in_both,
)
from mixbench.verdicts.gate.comparison import ComparedCell, Comparison, exit_code
from mixbench.verdicts.gate.measures import REPORTED, Failure, Measure, cells_of, failures, measures, newest_rows, unmeasured
from mixbench.verdicts.machines import shown_machines
from mixbench.verdicts.undrawn import other_environments

STATES = {
    "broken": "error",
    "failed": "error",
    "missing": "failure",
    "slower": "failure",
    "undecided": "skipped",
    "failed before": "skipped",
    "unsupported": "skipped",
    "diverged": "skipped",
    "faster": "",
    "new": "",
    "same": "",
    "measured": "",
}
"""The states of a cell by importance, and the corresponding outcomes of a test. A state is a verdict; `failed` if a launch or a
run failed and no verdict says so, or `failed before` if the base failed too; a status; or `measured` if nothing was compared.
"""


@dataclass(frozen=True)
class Entry:
    """The state of a cell, and the reason for it."""

    cell: str
    state: str
    reason: str = ""
    compared: ComparedCell | None = None


@dataclass(frozen=True)
class Report:
    """A report on a results folder, or on a comparison and its head."""

    title: str
    read: Callable[[], Sequence[Measure]]
    """Finds the measures: a comparison that is printed shows none."""
    failures: Sequence[Failure]
    unmeasured: Sequence[Failure] = ()
    comparison: Comparison | None = None
    remarks: Sequence[str] = ()

    @cached_property
    def measures(self) -> Sequence[Measure]:
        """Every cell and metric that was measured."""
        return self.read()

    @property
    def entries(self) -> list[Entry]:
        """Every cell, the most important first; with a comparison, only those that were compared or failed."""
        judged = self.comparison.cells if self.comparison else ()
        faults = {fault.cell: fault for fault in (*self.unmeasured, *self.failures)}
        alone: list[Failure | Measure] = [*self.failures]
        if self.comparison is None:
            alone += [*self.unmeasured, *self.measures]
        others = dict.fromkeys(entry.cell for entry in alone)
        for cell in judged:
            others.pop(cell.name, None)
        entries = [
            *(_entry(cell.name, cell.verdict, faults.get(cell.name), cell) for cell in judged),
            *(_entry(cell, "measured", faults.get(cell)) for cell in others),
        ]
        return sorted(entries, key=lambda entry: list(STATES).index(entry.state))

    @property
    def passes(self) -> bool:
        """Whether nothing failed; with a comparison, whether the gate passes."""
        return exit_code(self.comparison) == 0 if self.comparison else not self.failures


def report(measured: Measured, comparison: Comparison | None = None, base: Measured | None = None) -> Report:
    """A results folder, and the outcome of comparing it, as the head, with `base`."""
    cells = cells_of(measured, base)
    return Report(
        title=f"{comparison.base} → {comparison.head}" if comparison else measured.name,
        read=partial(measures, cells),
        failures=failures(cells),
        unmeasured=unmeasured(cells),
        comparison=comparison,
        remarks=comparison.remarks if comparison else _left_out(measured),
    )


def duel_report(comparison: Comparison) -> Report:
    """A duel: the times per call of its head."""
    measured = [
        Measure(cell.name, judged.metric, "ms", "lower", judged.head)
        for cell in comparison.cells
        for judged in cell.judgements
        if judged.head is not None
    ]
    return Report(
        f"{comparison.base} → {comparison.head}", lambda: measured, (), comparison=comparison, remarks=comparison.remarks
    )


_HIDING = ("same", "new", "measured")
"""States that would hide a failure; every other verdict is more informative than the failure."""


def _entry(cell: str, state: str, fault: Failure | None, compared: ComparedCell | None = None) -> Entry:
    reasons = [compared.detail, compared.cause, compared.leading.remark] if compared else []
    if fault:
        reasons.append(fault.detail)
        if state in _HIDING:
            known = compared is not None and compared.in_both
            state = fault.status if fault.status in STATES else "failed before" if known else "failed"
    return Entry(cell, state, "; ".join(dict.fromkeys(filter(None, reasons))), compared)


def _left_out(measured: Measured) -> list[str]:
    every = {row_type: measured.of(row_type) for row_type in REPORTED}
    newest = {row_type: newest_rows(measured, row_type) for row_type in REPORTED}
    shown = {row_type: {*distinct(rows, "environment")} for row_type, rows in newest.items()}
    return [
        *shown_machines(every, newest, measured.environments),
        *other_environments(every, shown, lambda name: measured.environments.get(name, {}), _LEFT_OUT),
        *(
            remark
            for row_type, rows in newest.items()
            for remark in earlier_code(rows, names_in_both(measured, measured, row_type)[1])
        ),
    ]


_LEFT_OUT = ("left out", "to export them: --environment {}")
