"""What the documents say of the reference runs is what their tables say."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from doc_tables import judged_study

from mixbench.mixers import MIXERS
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.tasks.dataset import NOT_ASKED
from mixbench.tasks.recall import generate as recall
from mixbench.verdicts.attention_map import summarise as map_summary
from mixbench.verdicts.brackets import ratio
from mixbench.verdicts.claims.shown import value_entry
from mixbench.verdicts.cost.evidence import task_costs
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.cost.tables import sentence
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.scores import summarise as data_summary
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts
from mixbench.verdicts.words import number

RESULTS = Path(__file__).parents[1] / "results"
VERDICTS = ("supported", "contradicted", "undecided")
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
    tasks = data_summary(ResultsFolder(RESULTS / "recall").read(TrainingRow)).tasks
    wanted = []
    for width, cell in ((task.context.width, cell) for task in tasks for cell in task.cells):
        assert cell.score
        assert cell.state_mib
        (rate,) = cell.learning_rates
        seeds = ", ".join(number(cell.scores[seed]) for seed in sorted(cell.scores))
        state, score = number(1024 * cell.state_mib), "".join(interval_text(cell.score))
        wanted.append(f"| {cell.label} | {width} | {state} | {rate:g} | {score} | {seeds} |")
    assert sorted([line for line in lines if line.startswith("|")][2:]) == sorted(wanted)


def recall_cells() -> dict[tuple[str, int], DataCell]:
    tasks = data_summary(ResultsFolder(RESULTS / "recall").read(TrainingRow)).tasks
    return {(cell.mixer, task.context.width): cell for task in tasks for cell in task.cells}


def recall_scores() -> dict[tuple[str, int], list[float]]:
    return {key: list(cell.scores.values()) for key, cell in recall_cells().items()}


def told_of_recall() -> str:
    return " ".join((RESULTS / "recall" / "README.md").read_text().split())


def test_the_order_of_recall_that_is_told_is_that_of_its_rows() -> None:
    scores = recall_scores()
    states = {key: cell.state_mib or 0 for key, cell in recall_cells().items()}
    assert [mixer for mixer, width in sorted(states, key=lambda key: -states[key]) if width == 32][:2] == ["attention", "hyena"]
    assert min(scores["attention", 32]) > 0.999
    for mixer in ("mamba2", "gated-delta-net"):
        assert min(scores[mixer, 32]) > 0.99
        assert states[mixer, 32] < states["attention", 32] / 2
    assert f"The sliding window recalls {number(fmean(scores['sliding-window', 32]))}." in told_of_recall()
    for mixer in ("hyena", "linear-attention"):
        assert fmean(scores[mixer, 32]) < 1 / 8 + 0.12


def test_what_is_told_not_to_be_reproduced_of_recall_is_not() -> None:
    cells, scores = recall_cells(), recall_scores()
    assert [score > 0.95 for score in sorted(scores["based", 32])] == [False, True, True]
    better = ("mamba2", "gated-delta-net", "sliding-window")
    assert fmean(scores["based", 32]) < min(fmean(scores[mixer, 32]) for mixer in better)
    assert fmean(scores["based", 16]) < 1 / 8 + 0.02

    some = {key: own for key, own in scores.items() if key[1] == 16 and fmean(own) > 0.2}
    assert {mixer for mixer, _ in some} == {"attention", "mamba2", "gated-delta-net"}
    apart = max(map(fmean, some.values())) - min(map(fmean, some.values()))
    assert all(max(own) - min(own) > apart for own in some.values())
    state = {mixer: cells[mixer, 16].state_mib or 0 for mixer, _ in some}
    assert [round(state["attention"] / state[mixer]) for mixer in ("mamba2", "gated-delta-net")] == [2, 4]

    linear = cells["linear-attention", 32].score
    assert linear
    assert linear.low is not None
    assert linear.low < fmean(scores["linear-attention", 16]) < linear.point
    assert sorted(scores["linear-attention", 32])[1] < 0.2
    assert all(sorted(score < 0.035 for score in scores["hyena", width]) == [False, False, True] for width in (16, 32))


def test_what_is_told_of_learning_rates_for_recall_is_what_its_rows_say() -> None:
    rows, cells, text = ResultsFolder(RESULTS / "recall").read(TrainingRow), recall_cells(), told_of_recall()
    assert f"The {len({(row.mixer, row.width, row.learning_rate, row.seed) for row in rows})} runs" in text
    assert f"The majority class scores {number(rows[0].constant_score)}." in text
    tried = {(row.mixer, row.width, row.learning_rate): number(row.test_score) for row in rows if row.seed == 0}
    good, bad = (tried["attention", 16, rate] for rate in (0.003, 0.01))
    assert f"first seed of attention scores {good} at a rate of 0.003 and {bad} at 0.01" in text
    first, *others = (number(score) for _, score in sorted(cells["gated-delta-net", 16].scores.items()))
    assert f"scores {first} with the seed that chose its rate and {others[0]} with both others" in text
    assert len(set(others)) == 1
    highest = {key for key, cell in cells.items() if cell.learning_rates == (0.03,)}
    assert highest == {("based", 16), ("gated-delta-net", 16), ("hyena", 16), ("hyena", 32)}


def test_two_windows_reach_the_values_of_the_told_share_of_queries() -> None:
    options = {"form": "zoology", "tokens": 48, "pairs": 8, "vocabulary": 64, "power": 0.01, "train": 1000, "dev": 1, "test": 1}
    train = recall(options, seed=1).train
    pairs, keys = np.arange(0, 16, 2), train.inputs[:, 0:16:2]
    places = ((train.inputs[:, None] == keys[:, :, None]) & (train.targets != NOT_ASKED)[:, None]).argmax(2)
    assert (places >= 16).all()
    share = (places - (pairs + 1) <= 2 * 16).mean()
    assert f"For {100 * share:.0f} % of the queries" in told_of_recall()


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


def test_the_cost_of_hypermixer_is_that_of_its_rows_in_the_page_on_cost() -> None:
    folder = ResultsFolder(RESULTS / "cost")
    (cost,) = task_costs(folder.read(SpeedRow), folder.read(TrainingRow), folder.read(TrialRow), Wish())
    product = [mixer for mixer in cost.costs if mixer.label == "hypermixer"][-1].ratios["product"]
    assert product.interval
    assert product.interval.low < 1 < product.interval.high  # neither is shown to be cheaper
    shown = f"{product.value.low:.2f} ({product.interval.low:.2f}–{product.interval.high:.2f})"
    document = RESULTS.parent / "docs" / "cost.md"
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


def test_what_is_told_of_the_small_study_is_what_its_rows_say_of_its_claims() -> None:
    judged = {each.claim.name: each for each in judged_study()}
    faster, fewer = (judged[name].findings[-1] for name in ("faster-inference", "fewer-examples"))
    assert faster.label.endswith("attention at 4096 tokens")
    shown = [f"{entry.number}{entry.tail} times" for entry in map(value_entry, (faster, fewer)) if entry]
    text = (RESULTS.parent / "README.md").read_text().replace("\n", " ")
    assert f"a layer of it takes {shown[0]} attention's time at 4096 tokens" in text
    assert f"need {shown[1]} the training examples" in text
    verdicts_of = Counter(each.verdict for each in judged.values())
    counts = ", ".join(f"{verdicts_of[verdict]}{' are' * (not place)} {verdict}" for place, verdict in enumerate(VERDICTS))
    assert f"Of {len(judged)} claims, {counts}" in text
    by_verdict = {verdict: {name for name, each in judged.items() if each.verdict == verdict} for verdict in VERDICTS}
    assert by_verdict["supported"] == {"faster-inference", "faster-training"}, "as docs/study.md tells"
    assert by_verdict["contradicted"] == {"fewer-examples", "on-par"}, "as docs/study.md tells"


def test_what_the_small_study_explains_is_in_its_tables() -> None:
    text = (RESULTS / "study-small" / "README.md").read_text().replace("\n", " ")
    folder = ResultsFolder(RESULTS / "study-small")
    (cost,) = task_costs(folder.read(SpeedRow), folder.read(TrainingRow), folder.read(TrialRow), Wish())
    easiest = next(mixer for mixer in cost.costs if mixer.label.startswith("hypermixer") and mixer.ratios)
    entries = [ratio(known.value, known.interval) for known in easiest.ratios.values()]
    assert len(entries) == 4
    for entry in entries:
        assert entry
        assert f"{entry.number}{entry.tail} times" in text
    (task,) = data_summary(folder.read(TrainingRow)).tasks
    errors = {cell.mixer: cell.score for cell in task.cells if cell.train_size == 200}
    for mixer in ("hypermixer", "mlp-mixer", "gmlp"):
        assert (score := errors[mixer])
        assert "".join(interval_text(score)) in text


def test_the_page_of_the_small_study_is_one_file_of_its_claims() -> None:
    page = (RESULTS / "study-small" / "report.html").read_text()
    for judged in judged_study():
        assert f"{judged.verdict.capitalize()}:" in page
        assert html.escape(judged.sentence) in page.replace("\N{NO-BREAK SPACE}", " ").replace("&#39;", "&#x27;")
