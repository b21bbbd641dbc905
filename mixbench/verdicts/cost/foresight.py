"""What the cost will lack if all planned cells come out well: a row of each is looked at as the rows of a folder are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.commands import speed_command
from mixbench.verdicts.cost.evidence import by_subject
from mixbench.verdicts.cost.per_example import contexts_of_examples, of_whole_sequences
from mixbench.verdicts.cost.studies import trained_alike
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import MixerKey, find_mixers, mixer_labels


@dataclass(frozen=True)
class Untimed:
    """Mixers that will have learning curves and trials at a shape, but no cost of an example; the command that measures it."""

    subject: Subject
    mixers: tuple[str, ...]
    command: str


def untimed(
    speed: Sequence[SpeedRow],
    training: Sequence[TrainingRow],
    trials: Sequence[TrialRow],
    wish: Wish,
    among: Sequence[str] = (),
) -> Iterator[Untimed]:
    """The shapes at which mixers, or those `among` these, are trained and tuned, but not timed in the context that is taken."""
    speed = of_whole_sequences(speed)
    studied, searched = by_subject(training), by_subject(trials)
    for subject in sorted(studied.keys() & searched.keys()):
        if wish.task not in (None, subject.task):
            continue
        runs = trained_alike(studied[subject], searched[subject])
        curves, found = runs.curves, runs.trials
        meant = {mixer for text in among for mixer in find_mixers(text, runs.mixers)} if among else {*runs.mixers}
        able: list[MixerKey] = [mixer for mixer in runs.mixers if mixer in meant and mixer in curves and mixer in found]
        timed = next(iter(contexts_of_examples(speed, subject, runs.mixers, wish)), {})
        if missing := [mixer for mixer in able if mixer not in timed]:
            labels = mixer_labels(runs.mixers)
            taken = [row for own in timed.values() for row in own]
            yield Untimed(
                subject,
                tuple(labels[mixer] for mixer in missing),
                speed_command(missing, subject, taken, speed, wish),
            )


def is_whole(training: Sequence[TrainingRow], trials: Sequence[TrialRow], wish: Wish) -> bool:
    """Whether some shape will have learning curves and trials of the same mixer."""
    studied, searched = by_subject(training), by_subject(trials)
    both = [own for own in studied.keys() & searched.keys() if wish.task in (None, own.task)]
    pairs = (trained_alike(studied[own], searched[own]) for own in both)
    return any(runs.curves.keys() & runs.trials.keys() for runs in pairs)
