"""A user's script as type checkers see it, never run: right uses of every function, and wrong ones that must be told.

`mypy --strict` fails where a right use is refused, and where a wrong one no longer is: its `type: ignore` is then unused.
"""

from __future__ import annotations

from pathlib import Path

import torch

import mixbench


class Mine(torch.nn.Module):
    """A mixer of the user's own."""

    def __init__(self, width: int, tokens: int, gain: float = 1.0) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(width, width)
        self.gain = gain


def right_uses() -> None:
    """Every function with options of every kind."""
    frame = mixbench.speed(mixer=["attention", Mine], tokens="64..256", width=64, mode=("inference", "training"), threads=2)
    latency: float = frame.latency_ms.median()
    mixbench.speed(mixer=Mine, tokens=[64, 128], batch=range(1, 3), results=Path("results"), budget=1, compile=False)
    mixbench.data_efficiency(task="mqar", sizes=[50, 0.5], seeds=3, learning_rate=1e-3, save=True)
    mixbench.data_efficiency(task="text", train="train.tsv", test=Path("test.tsv"), text="sentence", label="label")
    mixbench.tune(range=["dropout=0..0.5", "attention.heads=1,2"], trials=4, size=800, target=[0.5, 0.3], dropout=None)
    mixbench.tune(from_file="sweep.csv", lower_is_better=True)
    mixbench.cost(measure="energy", target=0.2, mode="training", scope=None, mix_environments=True)
    mixbench.attention_map(checkpoint=["a.pt", Path("b.pt")], examples=10, draw=(0, 3))
    figures: list[Path] = mixbench.plot(results="results", study="tune", format=("pdf", "svg"))
    removed: float = mixbench.remove(tokens=[9, 99], status="failed", environment=None, yes=True).rows.sum()
    removed += mixbench.merge(["results/shard-1-of-2", Path("more")], into="results").added.sum()
    compared = mixbench.compare("base", Path("head"), threshold=0.3, tolerance={"peak_memory_mib": "1%"}, tier="counts")
    duelled = mixbench.duel("main", ".", mixer=Mine, threshold="2%")
    verdicts: list[str] = [cell.verdict for comparison in (compared, duelled) for cell in comparison.cells]
    false_alarms: float = mixbench.selfcheck(minutes=0).false_alarms.point
    exported: list[Path] = mixbench.export("results", format="junit", output="ci")
    added = mixbench.track_add("results", history="history", commit="HEAD", replace=True)
    trends = mixbench.track_show("history", metric=["latency_ms", "flops"], cell="attention")
    changed: list[str] = [change.suspect.commit.sha for change in trends.changes]
    known: list[str] = [mixer["name"] for mixer in mixbench.list()["mixers"]]
    outcomes: set[str] = {check["outcome"] for checks in mixbench.verify([Mine, "fnet"], width=16).values() for check in checks}
    peaks: object = mixbench.doctor(device="cpu")["peaks"]
    columns: list[str] = list(mixbench.summary("results", study="cost", baseline="attention").columns)
    print(latency, figures, removed, verdicts, false_alarms, exported, added.files, changed, known, outcomes, peaks, columns)


def wrong_uses() -> None:
    """What a type checker must refuse: options that are not there, values that cannot be, positions that are keywords."""
    mixbench.sped()  # type: ignore[attr-defined]
    mixbench.speed(token=64)  # type: ignore[call-arg]
    mixbench.speed(launches="5")  # type: ignore[arg-type]
    mixbench.speed(tokens=64.5)  # type: ignore[arg-type]
    mixbench.speed(mixer=3)  # type: ignore[arg-type]
    mixbench.data_efficiency(seed=[0, 1])  # type: ignore[arg-type]
    mixbench.tune(range=0.5)  # type: ignore[arg-type]
    mixbench.cost(measure="watts")  # type: ignore[arg-type]
    mixbench.attention_map(dropout=0.1)  # type: ignore[call-arg]
    mixbench.plot("results")  # type: ignore[call-arg]
    mixbench.plot(study="costs")  # type: ignore[arg-type]
    mixbench.remove(yes="yes")  # type: ignore[arg-type]
    mixbench.merge("more")  # type: ignore[call-arg]
    mixbench.compare("base")  # type: ignore[call-arg]
    mixbench.compare("base", "head", tier="times")  # type: ignore[arg-type]
    mixbench.duel("main", ".", jobs=2)  # type: ignore[call-arg]
    mixbench.selfcheck(minutes="10")  # type: ignore[arg-type]
    mixbench.export("results", format=3)  # type: ignore[arg-type]
    mixbench.track_add(commit=7)  # type: ignore[arg-type]
    mixbench.track_show(metrics="flops")  # type: ignore[call-arg]
    mixbench.list(as_json=True)  # type: ignore[call-arg]
    mixbench.verify(tokens="17")  # type: ignore[arg-type]
    mixbench.doctor(threads=1.5)  # type: ignore[arg-type]
    mixbench.summary("results", "cost")  # type: ignore[call-arg]
