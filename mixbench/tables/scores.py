"""The table of scores: what each is, which direction is better, its limits, and the answer that needs no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Predicted = Literal["classes", "values", ""]


@dataclass(frozen=True)
class Score:
    """An entry of the table. `predicts` is what a task must ask for; empty for scores that were made elsewhere."""

    name: str
    meaning: str
    predicts: Predicted
    lower_is_better: bool = False
    limits: tuple[float, float] | None = None
    """The smallest and the largest score that is possible; None without a largest one, or where they are not known."""

    @property
    def constant(self) -> str:
        """What the best answer is called that is the same for every example."""
        return {"classes": "majority class", "values": "best constant"}.get(self.predicts, "")


SCORES = {
    score.name: score
    for score in (
        Score("accuracy", "share of right classes", "classes", limits=(0.0, 1.0)),
        Score(
            "macro-f1",
            "mean over classes of F1 = 2 right / (predicted + labelled), each class counting the same",
            "classes",
            limits=(0.0, 1.0),
        ),
        Score("mse", "mean squared error", "values", lower_is_better=True),
        Score("score", "made elsewhere", ""),
        Score("error", "made elsewhere", "", lower_is_better=True),
    )
}
ERRORS = tuple(name for name, score in SCORES.items() if score.lower_is_better)
"""Scores where lower is better."""


def scores_in_words() -> str:
    """The scores of trained models with their directions, as a column's meaning."""
    return ", ".join(
        f"{name} ({score.meaning}; {'lower' if score.lower_is_better else 'higher'} is better)"
        for name, score in SCORES.items()
        if score.predicts
    )
