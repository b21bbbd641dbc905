"""Parts that the figures of one task share: a panel per context, and the look of its mixers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mixbench.plots import style
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.scores import DataSummary, TaskSummary
from mixbench.verdicts.prominent import prominent
from mixbench.verdicts.words import sized

Panel = tuple[Mapping[str, str], TaskSummary]
"""What it differs in from the others, in words, and its content."""


@dataclass(frozen=True)
class TaskFigures:
    """All contexts of one task: their panels, what they share in words, and the look of each mixer by its label."""

    common: str
    panels: Sequence[Panel]
    looks: Mapping[str, style.LineStyle]

    @property
    def words(self) -> list[Mapping[str, str]]:
        """What each panel differs in."""
        return [words for words, _ in self.panels]

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.panels[0][1].is_error

    @property
    def sizes(self) -> list[int]:
        """Numbers of training examples in any panel."""
        return sorted({size for _, task in self.panels for size in task.sizes})

    @property
    def logarithmic(self) -> bool:
        """Whether the axis of scores is logarithmic: that of errors, all above 0."""
        tasks = [task for _, task in self.panels]
        found = [score for task in tasks for cell in task.cells for score in cell.scores.values()]
        return self.is_error and min([*found, *(task.constant for task in tasks if task.constant is not None)], default=0) > 0

    @property
    def score_axis(self) -> str:
        """Label of the score axis."""
        return f"test {self.panels[0][1].score} ({'lower' if self.is_error else 'higher'} is better)"


def task_figures(summary: DataSummary, highlight: Iterable[str] = ()) -> dict[str, TaskFigures]:
    """The panels of each task that has a score; of each score, where a task has several. `highlight` is as for `Page`."""
    mixers = list(dict.fromkeys((cell.mixer, cell.config) for task in summary.tasks for cell in task.cells))
    looks = style.line_styles(mixers, prominent(mixers, _by_score(summary), summary.baseline, highlight))
    found = {}
    scored: dict[tuple[str, str], list[TaskSummary]] = defaultdict(list)
    for task in summary.tasks:
        if any(cell.score for cell in task.cells):
            scored[task.context.task, task.score].append(task)
    several = {name for name, count in Counter(name for name, _ in scored).items() if count > 1}
    for (name, score), tasks in scored.items():
        words = [
            {name: text for name, text in own.items() if name != "batch"} | _training_words(task)
            for own, task in zip(task_words([task.context for task in tasks]), tasks, strict=True)
        ]
        fields = list(dict.fromkeys(field for context in words for field in context))
        varying = [field for field in fields if len({context.get(field) for context in words}) > 1]
        common = " · ".join(text for field, text in words[0].items() if field not in varying)
        different = [{field: context[field] for field in varying if field in context} for context in words]
        present = {cell.label for task in tasks for cell in task.cells}
        found[f"{name} {score}" if name in several else name] = TaskFigures(
            common, list(zip(different, tasks, strict=True)), {label: look for label, look in looks.items() if label in present}
        )
    return found


def _by_score(summary: DataSummary) -> list[str]:
    """The labels of the mixers with a score, the best first: by their mean place at the most examples of each task."""
    places: dict[str, list[int]] = defaultdict(list)
    for task in summary.tasks:
        last = {cell.label: cell.score.point for cell in task.cells if cell.score and cell.train_size == task.sizes[-1]}
        for place, label in enumerate(sorted(last, key=lambda label: last[label] if task.is_error else -last[label])):
            places[label].append(place)
    return sorted(places, key=lambda label: (fmean(places[label]), label))


def _training_words(task: TaskSummary) -> dict[str, str]:
    """How long the models of a panel were trained."""
    settings = unpacked(task.context.settings)
    steps, batch = settings.get("steps"), settings.get("batch")
    if not steps:
        return {}
    return {"steps": sized(steps, "step") + (f" of {sized(batch, 'example')}" if batch else "")}
