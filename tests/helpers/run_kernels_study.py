"""Measure two versions with `kernels_worker`, and print what is made of the rows as JSON, a text by what made it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from run_fake_speed import fake_request

from mixbench.api.loading import load
from mixbench.cli.text.comparison import comparison_table
from mixbench.cli.text.speed import speed_table
from mixbench.plots.speed import draw_speed
from mixbench.studies.progress import Silent
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_worker import Worker
from mixbench.tables.dictionary import dictionary
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.exports import FORMATS, report
from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.summary import summarise
from mixbench.verdicts.track.series import TRACKED

WORKER = Worker("kernels_worker", "kernels_worker", (), verifier="")


def measure(name: str, kernels: int, *launches: int) -> ResultsFolder:
    """A results folder with so many launches, one call after the other."""
    os.environ["KERNELS"] = str(kernels)
    folder = ResultsFolder(name)
    for count in launches:
        run_speed(fake_request(count), folder, Silent(), worker=WORKER)
    return folder


def main() -> None:
    """The second call for the base takes the counts from the rows of the first."""
    folder = measure("base", 12, 1, 2)
    measure("head", 13, 2)
    rows, launches = folder.read(SpeedRow), folder.read(LaunchRow)
    summary = summarise(rows, launches)
    base, head = load("base"), load("head")
    comparison = compare(base, head)
    texts = {
        "csv": Path("base/speed.csv").read_text(),
        "table": speed_table(summary, 80, terminal=False).plain,
        "details": speed_table(summary, 80, terminal=False, details=True).plain,
        "json": json.dumps(to_json(summary)),
        "records": json.dumps(records(summary)),
        "comparison": comparison_table(comparison, 1, 80, terminal=False).plain,
        "dictionary": dictionary(TABLES),
        "figures": " ".join(path.name for path in draw_speed(rows, launches, Path("figures"))),
        "tracked": " ".join(TRACKED),
    }
    for name, make in FORMATS.items():
        texts[f"export to {name}"] = "".join(make(report(base)).values())
        texts[f"comparison as {name}"] = "".join(make(report(head, comparison, base)).values())
    print(json.dumps(texts))


if __name__ == "__main__":
    main()
