"""What the figures of one task share: its panels, one per context, and how its mixers look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.scores import DataSummary, TaskSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Panel = tuple[str, TaskSummary]
"""Title and content."""


@dataclass(frozen=True)
class TaskFigures:
    """All contexts of one task: their panels, what they have in common, and how mixers look."""

    common: str
    panels: Sequence[Panel]
    looks: Mapping[str, style.LineStyle]

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.panels[0][1].is_error

    @property
    def sizes(self) -> list[int]:
        """Numbers of training examples in any panel."""
        return sorted({size for _, task in self.panels for size in task.sizes})

    @property
    def logarithmic(self) -> bool:
        """Whether scores stand on a logarithmic axis: errors, all above 0."""
        return self.is_error and all(score > 0 for _, task in self.panels for c in task.cells for score in c.scores.values())

    @property
    def score_axis(self) -> str:
        """Label of the axis of scores."""
        return f"test {self.panels[0][1].score} ({'less' if self.is_error else 'more'} is better)"


def task_figures(summary: DataSummary) -> dict[str, TaskFigures]:
    """What to draw of each task that has a score."""
    looks = style.line_styles((cell.mixer, cell.config) for task in summary.tasks for cell in task.cells)
    found = {}
    for name in dict.fromkeys(task.context.task for task in summary.tasks):
        tasks = [task for task in summary.tasks if task.context.task == name and any(cell.score for cell in task.cells)]
        if not tasks:
            continue
        words = task_words([task.context for task in tasks])
        fields = list(dict.fromkeys(field for one in words for field in one))
        varying = [field for field in fields if len({one.get(field) for one in words}) > 1]
        common = " · ".join(text for field, text in words[0].items() if field not in varying)
        titles = [" · ".join(one[field] for field in varying if field in one) for one in words]
        present = {cell.label for task in tasks for cell in task.cells}
        found[name] = TaskFigures(
            common, list(zip(titles, tasks, strict=True)), {label: look for label, look in looks.items() if label in present}
        )
    return found


def add_caption(figure: Figure, text: str) -> None:
    """How to read the figure, below it; above the entries where a legend stands there."""
    if figure.legends:
        figure.legends[0].set_title(text)
        figure.legends[0].get_title().set(fontsize=7, color="#444444")
    else:
        figure.supxlabel(text, fontsize=7, color="#444444")
