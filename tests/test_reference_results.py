"""What the documents say of the reference runs is what their tables say."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from mixbench.cli.text.brackets import ratio
from mixbench.cli.text.cost import sentence
from mixbench.mixers import MIXERS
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import AttentionMapRow, LaunchRow, SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.attention_map import summarise as map_summary
from mixbench.verdicts.cost.evidence import task_costs
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.learning.scores import summarise as data_summary
from mixbench.verdicts.speed.summary import CellSummary, SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts
from mixbench.verdicts.words import number

RESULTS = Path(__file__).parents[1] / "results"
AS_WRITTEN = "hypermixer:hidden=512,tied=false,grouping=as-written"


def summary_of(name: str, baseline: str | None = None) -> SpeedSummary:
    folder = ResultsFolder(RESULTS / name)
    return summarise(folder.read(SpeedRow), folder.read(LaunchRow), baseline)


@pytest.fixture(scope="module")
def regrouped() -> dict[tuple[str, int], CellSummary]:
    cells = [cell for cell in summary_of("regrouping", AS_WRITTEN).cells if "grouping" not in cell.label]
    return {(cell.context.mode, cell.tokens): cell for cell in cells}


def test_the_table_of_the_default_sweep_is_that_of_its_rows() -> None:
    text = (RESULTS / "reference" / "README.md").read_text()
    for cell in summary_of("reference").cells:
        assert cell.latency_ms
        assert cell.ratio
        if cell.tokens == 2048 and cell.label != "none":
            assert "".join(interval_text(cell.latency_ms)) in text
            assert cell.label == "attention" or "".join(interval_text(cell.ratio)) in text


def test_the_table_of_every_mixer_is_that_of_its_rows() -> None:
    lines = (RESULTS / "catalogue" / "README.md").read_text().splitlines()
    found = verdicts(summary_of("catalogue"))
    told = {name for name in MIXERS if name not in ("attention", "none")}
    assert {answer.mixer for answer in found} - {"none"} == told
    for answer in found:
        if answer.mixer == "none":
            continue
        (line,) = (line for line in lines if line.startswith(f"| {answer.mixer} |"))
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        ratio, since = cells[:2] if answer.context.mode == "inference" else cells[2:]
        assert answer.tokens == 4096
        assert ratio == "".join(interval_text(answer.ratio))
        last = [crossed for crossed in answer.crossovers if crossed.faster_beyond][-1:]
        if last or "every length" in answer.sentence:
            always = "64" if "faster at every length" in answer.sentence else "–"
            assert since == (f"{float(f'{last[0].tokens:.2g}'):.0f}" if last else always)
        else:
            assert since == "open"


@pytest.mark.parametrize(("name", "sizes"), [("data-efficiency", [50, 200, 800, 3200]), ("shapes", [1000, 5000, 25_000])])
def test_the_table_of_the_learning_curves_is_that_of_their_rows(name: str, sizes: list[int]) -> None:
    text = (RESULTS / name / "README.md").read_text()
    (task,) = data_summary(ResultsFolder(RESULTS / name).read(TrainingRow)).tasks
    assert task.sizes == sizes
    for cell in task.cells:
        assert cell.score
        assert any(
            line.startswith(f"| {cell.label} |") and "".join(interval_text(cell.score)) in line for line in text.splitlines()
        )


def test_the_mixers_learn_the_synthetic_task_and_the_control_does_not() -> None:
    rows = ResultsFolder(RESULTS / "shapes").read(TrainingRow)
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        assert row.test_score is not None
        scores[row.mixer, row.train_size].append(row.test_score)
    assert {len(runs) for runs in scores.values()} == {5}
    for mixer in ("attention", "hypermixer"):
        assert max(scores[mixer, 25_000]) <= 0.05
        assert max(scores[mixer, 1000]) <= 0.2
    assert min(score for (mixer, _), runs in scores.items() for score in runs if mixer == "none") > 1.5
    assert min(scores["mlp-mixer", 1000]) > 5 * max(scores["hypermixer", 1000])


def test_the_table_of_recall_is_that_of_its_rows() -> None:
    lines = (RESULTS / "recall" / "README.md").read_text().splitlines()
    for task in data_summary(ResultsFolder(RESULTS / "recall").read(TrainingRow)).tasks:
        for cell in task.cells:
            assert cell.score
            assert cell.state_mib
            state, score = number(1024 * cell.state_mib), "".join(interval_text(cell.score))
            assert f"| {cell.label} | {task.context.width} | {state} | {score} |" in lines


def test_what_is_told_of_recall_is_what_its_rows_say() -> None:
    rows = ResultsFolder(RESULTS / "recall").read(TrainingRow)
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        assert row.test_score is not None
        scores[row.mixer, row.width].append(row.test_score)
    for mixer in ("attention", "mamba2", "gated-delta-net"):
        assert min(scores[mixer, 32]) > 0.95
    for mixer in ("mamba2", "gated-delta-net"):
        assert sum(scores[mixer, 16]) > 2 * sum(scores["attention", 16])
    assert max(scores["based", 32]) > 0.95
    assert min(scores["based", 32]) < 0.2
    assert max(scores["linear-attention", 32]) < 0.3
    states = {(row.mixer, row.width): row.state_mib or 0 for row in rows}
    assert all(states[mixer, width] < states["attention", width] for mixer, width in states if mixer != "attention")


def test_the_table_of_regrouping_is_that_of_its_rows(regrouped: dict[tuple[str, int], CellSummary]) -> None:
    text = (RESULTS / "regrouping" / "README.md").read_text()
    for (_, tokens), cell in regrouped.items():
        assert cell.ratio
        assert any(
            line.startswith(f"| {tokens} |") and "".join(interval_text(cell.ratio)) in line for line in text.splitlines()
        )


@pytest.mark.parametrize(("mode", "gain"), [("inference", 1.9), ("training", 1.8)])
def test_regrouping_pays_at_long_lengths_and_costs_nothing_at_short_ones(
    mode: str, gain: float, regrouped: dict[tuple[str, int], CellSummary]
) -> None:
    longest = regrouped[mode, 8192].ratio
    assert longest
    assert 1 / longest.point >= gain
    for document in (RESULTS / "regrouping" / "README.md", RESULTS.parent / "README.md"):
        assert f"{1 / longest.point:.2f} times" in document.read_text().replace("\n", " ")
    for tokens in (64, 128, 256, 512, 1024, 2048, 4096):
        ratio = regrouped[mode, tokens].ratio
        assert ratio
        assert ratio.high is not None
        assert ratio.high <= 1.05


def test_the_cost_that_is_told_is_that_of_its_rows() -> None:
    folder = ResultsFolder(RESULTS / "cost")
    (cost,) = task_costs(folder.read(SpeedRow), folder.read(TrainingRow), folder.read(TrialRow), Wish())
    text = (RESULTS / "cost" / "README.md").read_text()
    for label in cost.mixers:
        assert f"- {sentence(cost, label)}\n" in text
    for mixer in (mixer for mixer in cost.costs if mixer.ratios):
        entries = [ratio(known.value, known.interval) for known in mixer.ratios.values()]
        assert " | ".join([mixer.label, *(entry.number + entry.tail for entry in entries if entry)]) in text


def test_the_cost_of_hypermixer_is_that_of_its_rows_in_the_readme_and_the_page_on_cost() -> None:
    folder = ResultsFolder(RESULTS / "cost")
    (cost,) = task_costs(folder.read(SpeedRow), folder.read(TrainingRow), folder.read(TrialRow), Wish())
    product = [mixer for mixer in cost.costs if mixer.label == "hypermixer"][-1].ratios["product"]
    assert product.interval
    assert product.interval.low < 1 < product.interval.high  # neither is shown to be cheaper
    shown = f"{product.value.low:.2f} ({product.interval.low:.2f}–{product.interval.high:.2f})"
    for document in (RESULTS.parent / "README.md", RESULTS.parent / "docs" / "cost.md"):
        assert f"an error of {cost.targets[-1]:g} at {shown} times" in document.read_text().replace("\n", " ")


def test_the_shares_of_the_attention_maps_are_those_of_their_rows() -> None:
    folder = ResultsFolder(RESULTS / "attention-map")
    (task,) = map_summary(folder.read(AttentionMapRow))
    for document in (RESULTS / "attention-map" / "README.md", RESULTS.parent / "README.md"):
        text = document.read_text()
        for line in task.lines:
            assert line.right
            assert f"{100 * line.right.point:.0f} %" in text
    shares = {line.label: line.right.point for line in task.lines if line.right}
    assert shares["attention"] > shares["hypermixer"] > shares["mlp-mixer"]
