"""What is made of results and of mixers: figures, verdicts on the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixbench.api.common import Names
from mixbench.errors import RequestError, UnknownNameError
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_names
from mixbench.tables.results import ResultsFolder

VERIFY = "mixbench.worker.measure.verify:verify_job"


def plot(
    *,
    results: str | Path = "results",
    study: str | None = None,
    format: Names = "png",
    baseline: str | None = None,
) -> list[Path]:
    """Draw every figure that the tables of a results folder allow, below its `figures`; returns the files.

    Raises RequestError where there is nothing to draw.
    """
    from mixbench.plots import FIGURES

    formats = parse_names(format, ("png", "svg", "pdf"), "--format")
    if study is not None and study not in FIGURES:
        raise UnknownNameError("study", study, FIGURES)
    folder = ResultsFolder(results)
    drawn = [path for name, draw in FIGURES.items() if study in (None, name) for path in draw(folder, formats, baseline)]
    if not drawn:
        raise RequestError(
            f"{folder.path} holds no table to draw",
            "Measure first: mixbench speed. Or train: mixbench data-efficiency. What failed is not drawn.",
        )
    return drawn


def verify(mixers: Sequence[str] | None = None, *, tokens: int = 17, width: int = 32) -> dict[str, list[dict[str, str]]]:
    """Hold mixers to their contract; by mixer, checks with name, outcome (pass, fail, skip) and detail.

    Raises RequestError.
    """
    from mixbench.execution import run_alone
    from mixbench.mixers import MIXERS

    chosen = choose_mixers(list(mixers or MIXERS))
    job = {
        "mixers": [
            {
                "name": mixer.name,
                "target": mixer.target,
                "arguments": mixer.arguments(tokens, width),
                "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
            }
            for mixer in chosen
        ]
    }
    verdicts: dict[str, list[dict[str, str]]] = run_alone(
        "mixbench.worker.measure.verify:verify_job", job, threads=1, timeout=300.0
    )
    return verdicts
