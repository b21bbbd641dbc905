import json
from collections import Counter
from dataclasses import replace

import pytest
from synthetic_training import training_rows, training_settings

from mixbench.cli.text.data_efficiency import data_efficiency_table
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.learning.scores import summarise

PAPER = ("attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer", "none")
LONG = (
    "attention",
    "hypermixer:heads=4,hidden=tokens/2,positions=none,tied=true",
    "my.py:GatedConvolutionWithALongName:size=3",
)
REASON = "needs 12.3 GiB, but 7.9 GiB are available; a smaller batch would fit into the memory of this machine"
FAILURES = {("none", 500, 3): ("diverged", "not finite at step 12"), **{("fnet", 250, s): ("oom", REASON) for s in range(5)}}


def every_case() -> dict[str, list[TrainingRow]]:
    return {
        "paper": training_rows(PAPER),
        "shares": training_rows(PAPER, score="accuracy"),
        "long labels": training_rows(LONG, score="accuracy"),
        "failures": training_rows(PAPER, failures=FAILURES),
        "two tasks": training_rows() + training_rows(task="listops", score="accuracy"),
        "two contexts": training_rows() + training_rows(settings=training_settings(steps=10**12)),
        "one seed": training_rows(seeds=[0]),
        "one size": training_rows(sizes=(250,)),
        "all failed": training_rows(("fnet",), (250,), failures=FAILURES),
        "wide intervals": training_rows(PAPER, seeds=(0, 1), noise=3),
        "perfect": training_rows(score="accuracy", error=lambda mixer, size: 0.0),
        "hopeless": training_rows(score="accuracy", error=lambda mixer, size: 9.0),
        "nothing": [],
    }


CASES = every_case()


def plain(rows: list[TrainingRow], baseline: str | None = None) -> str:
    return data_efficiency_table(summarise(rows, baseline), 80, terminal=False).plain


def lines_of(text: str, caption: str) -> dict[str, str]:
    """The lines of the table under a caption, by their first word."""
    after = text.split("\n")
    start = next(place for place, line in enumerate(after) if line.startswith(caption))
    return {line.split()[0]: line for line in after[start + 1 : after.index("", start)]}


def test_contexts_that_differ_in_width_say_no_more_than_that() -> None:
    rows = [
        row
        for width in (16, 32)
        for row in training_rows(sizes=(250,), width=width, settings=training_settings(feature_hidden=4 * width))
    ]
    text = plain(rows)
    assert "width 16" in text
    assert "feature_hidden" not in text
    odd = training_rows(sizes=(250,), width=16, settings=training_settings(feature_hidden=16))
    assert "feature_hidden=16" in plain([*rows, *odd])


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", CASES)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(case: str, width: int) -> None:
    text = data_efficiency_table(summarise(CASES[case]), width, terminal=True).plain
    assert max(map(len, text.split("\n"))) <= width
    assert "…" not in text


@pytest.mark.parametrize("case", CASES)
def test_a_terminal_shows_every_word_of_the_plain_table(case: str) -> None:
    narrow = Counter(data_efficiency_table(summarise(CASES[case]), 80, terminal=True).plain.split())
    whole = Counter(plain(CASES[case]).split())
    # a word with a hyphen may be wrapped there
    assert not [word for word in whole - narrow if "-" not in word.strip("-+()")]


def test_scores_differences_and_relative_changes_are_next_to_their_intervals() -> None:
    rows = training_rows(("attention", "none"), score="accuracy")
    text, (task,) = plain(rows), summarise(rows).tasks
    scores = lines_of(text, "test accuracy by training examples, higher is better")
    assert scores["mixer"].split()[1:] == ["250", "500", "1000", "2000"]
    for cell in task.cells:
        assert cell.score is not None
        assert "".join(interval_text(cell.score)) in scores[cell.label]
    for caption in ("difference to attention", "relative change against attention, %"):
        assert list(lines_of(text, caption)) == ["mixer", "none"]
    exact = training_rows(("attention", "none"), (250,), noise=0, seed_noise=0, error=lambda m, n: 0.2 if m == "none" else 0.1)
    assert lines_of(plain(exact), "relative change")["none"].split()[1:] == ["+100"]
    assert lines_of(plain(exact), "difference")["none"].split()[1] == "+0.100"


def test_a_difference_and_its_ends_have_the_same_decimals() -> None:
    rows = training_rows(("attention", "hypermixer"), (250,), score="accuracy")
    numbers = lines_of(plain(rows), "difference")["hypermixer"].replace("(", " ").replace(")", " ").split()
    assert {len(number.partition(".")[2]) for number in numbers if "." in number} == {4}


def test_a_cell_counts_its_seeds_if_some_failed() -> None:
    text = plain(CASES["failures"])
    scores = lines_of(text, "test mse")
    assert scores["none"].count("4 of 5") == 1
    assert "oom" in scores["fnet"]
    assert "none on 500 examples: 1 of 5 runs failed, not in the mean: diverged with seed 3: not finite at step 12" in text
    assert f"fnet on 250 examples: 5 of 5 runs failed, not in the mean: oom with seeds 0, 1, 2, 3, 4: {REASON}" in text


def test_needs_have_bounds_at_the_smallest_and_the_largest_size() -> None:
    def straight(mixer: str, size: int) -> float:
        return {"attention": 100, "hypermixer": 50, "none": 2000}[mixer] / size

    rows = training_rows(error=straight, noise=1e-9, seed_noise=0)
    text = data_efficiency_table(summarise(rows, targets=[0.2]), 80, terminal=False).plain
    needs = lines_of(text, "training examples needed for a test mse of")
    assert needs["attention"].split()[1:] == ["500", "(500–500)"]
    assert needs["hypermixer"].split()[1:] == ["≤", "250"]
    assert needs["none"].split()[1:] == ["not", "reached"]
    ratios = lines_of(text, "training examples needed relative to attention")
    assert ratios["hypermixer"].split()[1:3] == ["≤", "0.500"]
    assert ratios["none"].split()[1:3] == ["≥", "4.00"]


def test_the_notes_explain_the_intervals() -> None:
    text = plain(training_rows(score="accuracy"))
    assert "In brackets: 95 % t-intervals over 5 seeds." in text
    assert "Not in the intervals: sampling 1000 test examples gives every score a standard error of 0.007 to 0.016." in text
    assert "Learning rate, chosen on the development set: 0.001." in text
    assert "cases" not in text
    assert "geometric means" in plain(training_rows())
    assert "One seed: no intervals. More seeds give them: --seeds 5." in plain(CASES["one seed"])


def test_runs_that_end_within_the_first_epoch_are_told_with_the_steps_that_they_need() -> None:
    told = "Less than one epoch at 20 000, 51 200 examples: 400 steps see 12 800 of them. To see all: --steps 1600."
    text = plain(training_rows(("attention", "none"), (800, 20_000, 51_200)))
    assert told in text
    assert "less than" not in plain(training_rows(("attention", "none"), (800, 12_800))).lower()
    # the headings, too
    assert "20 000 (12 800 seen)" in text
    assert "800 (" not in text.replace("12 800 seen", "")
    epochs = lines_of(text, "test mse by training examples")["epochs"]
    assert epochs.split() == ["epochs", "16.0", "0.640", "0.250"]


def hopeless(constant: float, **options: object) -> list[TrainingRow]:
    """Accuracies around 0.669, like those of most mixers on MRPC, whose larger class has 66.5 %."""
    rows = training_rows(("attention", "none"), score="accuracy", error=lambda *_: 0.331, noise=0.005, seed_noise=0.005)
    return [replace(row, constant_score=constant, classes=2, **options) for row in rows]  # type: ignore[arg-type]


def test_mixers_that_are_no_better_than_the_majority_class_need_no_examples() -> None:
    text = plain(hopeless(0.665))
    assert lines_of(text, "test accuracy")["majority"].split() == ["majority", "class", *["0.665"] * 4]
    assert "No mixer is better than the majority class (0.665) by more than interval and sampling error." in text
    assert "examples needed" not in text
    assert "better than the majority" not in plain(hopeless(0.5))
    one = training_rows(("attention",), score="accuracy", error=lambda mixer, size: 5 * size**-0.5)
    text = plain(one + [row for row in hopeless(0.665) if row.mixer == "none"])
    assert "Not better than the majority class (0.665) by more than interval and sampling error: none." in text
    assert "not reached" in lines_of(text, "training examples needed")["none"]


def test_classes_of_unequal_size_are_told_unless_they_count_the_same() -> None:
    told = "One of 2 classes has 66.5 % of the test examples: --score macro-f1 weighs all classes equally."
    assert told in plain(hopeless(0.665))
    assert "classes has" not in plain(hopeless(0.55))
    assert "classes has" not in plain(hopeless(0.665, score="macro-f1"))


def test_runs_that_were_still_improving_are_told_with_more_steps() -> None:
    def trained(last: float, best_step: int = 400) -> str:
        rows = training_rows(("attention", "none"), (800, 1600))
        known = {"dev_scores": json.dumps({"200": 1.0, "300": 0.5, "400": last}), "best_step": best_step}
        return plain([replace(row, **known) if row.mixer == "none" else row for row in rows])  # type: ignore[arg-type]

    assert (
        "Still improving when training ended (error 40 % lower at the last evaluation than at any before): none at 800, 1600."
        " Train longer: --steps 800." in trained(0.3)
    )
    assert "Still" not in trained(0.49)
    assert "Still" not in trained(0.3, best_step=300)
    assert "Still" not in plain(training_rows())


def test_one_rate_for_several_mixers_is_told() -> None:
    hint = "Learning rate: 0.001. One rate may suit some mixers better than others: --learning-rate auto."
    assert hint in plain(training_rows(rates=dict.fromkeys(("attention", "hypermixer", "none"), 0.001)))
    assert "suit" not in plain(training_rows())
    assert "suit" not in plain(training_rows(("attention",), rates={"attention": 0.001}))


def test_the_notes_name_different_learning_rates_and_the_rows_left_out() -> None:
    rows = training_rows(("attention", "none"), (250,), rates={"attention": 0.001, "none": 0.003})
    old = training_rows(("attention",), (250,), environment="old", measured_at="2020-01-01T00:00:00Z")
    text = plain(rows + old)
    assert "Learning rate: 0.001 (attention); 0.003 (none)." in text
    assert "Left out: 5 rows from other environments." in text
    trial = training_rows(("attention",), (2000,), seeds=[0], rates={"attention": 0.003})
    assert "Not shown: 1 run that only served to choose a learning rate." in plain(training_rows() + trial)


def test_each_context_has_its_own_heading() -> None:
    headings = [line for line in plain(CASES["two contexts"]).split("\n") if " · " in line]
    shared = "shapes · 2 layers · width 64 · 100 tokens · cpu · learning rate auto · "
    # long values are cut
    assert headings == [f"{shared}steps=100000000000", f"{shared}steps=400"]


def test_better_is_green_and_worse_is_red_whatever_the_direction() -> None:
    for score in ("accuracy", "mse"):
        rows = training_rows(("attention", "hypermixer", "none"), (250, 500), score=score, noise=0.001)
        text = data_efficiency_table(summarise(rows), 80, terminal=True)
        styled = [(str(span.style), text.plain[span.start : span.end]) for span in text.spans]
        red = [shown for style, shown in styled if style == "red"]
        green = [shown for style, shown in styled if style == "green"]
        assert len(red) >= 4
        assert all(("-" in shown) == (score == "accuracy") for shown in red if "≥" not in shown)
        assert all(("+" in shown) == (score == "accuracy") for shown in green if "≤" not in shown)
        assert green
