"""The training runs that a claim is about: those of its mixers, in the contexts that have most of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.claims.answers import Decision, first_command, keys_of
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import Comparison, enough
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.cost.commands import study_command
from mixbench.verdicts.environments import united
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.context import TaskContext, by_context, task_words
from mixbench.verdicts.learning.scores import TaskSummary, summarise
from mixbench.verdicts.words import counted

TRAINED = ("task", "layers", "width", "tokens", "device")
"""The options that choose runs."""
_STUDY = "data-efficiency"


@dataclass(frozen=True)
class Runs:
    """The runs that a claim on learning is about."""

    named: Named
    tasks: Sequence[TaskSummary]
    """The contexts with the mixer and most of the others."""
    rows: Mapping[TaskContext, Sequence[TrainingRow]]
    left_out: int
    machines: Sequence[str]

    def where(self, task: TaskSummary) -> str:
        """What tells a context from the others; empty for a single one."""
        if len(self.tasks) == 1:
            return ""
        words = task_words([other.context for other in self.tasks])
        own = words[list(self.tasks).index(task)]
        told = [text for name, text in own.items() if any(other.get(name) != text for other in words)]
        return f"on {', '.join([task.context.task, *told])}"

    def command(self, evidence: Evidence, task: TaskSummary, **changes: Any) -> str:
        """The command that trains all mixers of the claim as in a context, with more than one seed."""
        rows = self.rows[task.context]
        changes = {**enough("seeds", len({row.seed for row in rows})), **changes}
        return study_command([*self.named.all, *self.lacking], rows, [], evidence.texts, **changes)

    @property
    def lacking(self) -> list[MixerKey]:
        """The mixers of the claim that can be trained and were not."""
        return [mixer for mixer in keys_of(self.named.lacking) if mixer not in self.named.labels]

    def undecided(self, decision: Decision) -> list[tuple[TaskSummary, list[Comparison]]]:
        """What is not decided, by context; all of them, where a mixer has no runs."""
        left = [(task, [own for own in decision.undecided if own.source is task]) for task in self.tasks]
        return [(task, own) for task, own in left if own or (self.lacking and decision.undecided)]

    @property
    def notes(self) -> list[str]:
        """Which runs were looked at."""
        parts = []
        for task, words in zip(self.tasks, task_words([task.context for task in self.tasks]), strict=True):
            cells = [cell for cell in task.cells if (cell.mixer, cell.config) in self.named.all]
            seeds = counted(max(cell.runs for cell in cells), "seed")
            parts.append(" · ".join([task.context.task, *words.values(), seeds]))
        other = f" Left out: {counted(self.left_out, 'other context')}." if self.left_out else ""
        return [f"Runs: {'; '.join(parts)}.{other}", *self.machines]


def runs_of(claim: Claim, evidence: Evidence) -> Runs:
    """The runs of a claim. Raises NoEvidenceError."""
    every = evidence.rows(TrainingRow)
    first = first_command(_STUDY, claim, evidence.baseline, TRAINED, sizes=claim.options.get("size"))
    if not every:
        raise no_table(TrainingRow, first)
    contents = evidence.contents(every)
    rows = united(narrowed(every, claim, TRAINED, TrainingRow, first), contents)
    mixers = list(dict.fromkeys((row.mixer, row.config) for row in rows))
    try:
        found = named(claim, mixers, evidence.baseline, TrainingRow)
    except NoEvidenceError as none:
        lacking = keys_of([claim.options["mixer"]])
        command = "" if not lacking or lacking[0] in mixers else study_command(lacking, list(rows), [], evidence.texts)
        raise NoEvidenceError(none.reason, command) from None
    summary = summarise(rows, contents=contents)
    there = {task.context: {(cell.mixer, cell.config) for cell in task.cells} for task in summary.tasks}
    able = [task for task in summary.tasks if found.mixer in there[task.context]]
    most = max(len(there[task.context].intersection(found.against)) for task in able)
    tasks = [task for task in able if len(there[task.context].intersection(found.against)) == most]
    by = {context: own for context, (own, _) in by_context(rows).items()}
    return Runs(found, tasks, by, len(able) - len(tasks), evidence.machines(TrainingRow, rows))
