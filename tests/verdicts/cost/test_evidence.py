"""The rows behind a cost: those of one task and shape, the best of several, and commands for the missing ones."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from documents import parse
from synthetic import speed_rows
from synthetic_training import training_rows, training_settings, trial_rows

from mixbench.errors import UnknownNameError
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.origins import write_origins
from mixbench.tables.remarks import lower_bound
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.product import PRODUCT
from mixbench.verdicts.cost.records import records, to_json
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.cost.tables import sentence
from mixbench.verdicts.speed.summary import summarise

MIXERS = ("attention", "hypermixer", "none")
SHAPE = "--tokens 100 --width 64 --scope block --mode training"


def speed_of(mixers: tuple[str, ...] = MIXERS, tokens: int = 100, **options: object) -> list[SpeedRow]:
    return speed_rows(mixers, (tokens,), **{"modes": ("training",), **options})[0]  # type: ignore[arg-type]


def one_cost(
    speed: list[SpeedRow] | None = None,
    training: list[TrainingRow] | None = None,
    trials: list[TrialRow] | None = None,
    **wish: object,
) -> TaskCost:
    (found,) = task_costs(
        speed_of() if speed is None else speed,
        training_rows(MIXERS) if training is None else training,
        trial_rows(MIXERS, trials=12) if trials is None else trials,
        Wish(**{"targets": (0.15,), **wish}),  # type: ignore[arg-type]
    )
    return found


def seconds(cost: TaskCost, label: str = "attention") -> float:
    return next(one for one in cost.costs if one.label == label).factors["example"].value.low


def test_an_example_costs_what_a_call_costs_divided_by_its_sequences() -> None:
    quiet = {"launch_noise": 0.0, "round_noise": 0.0, "latency_ms": lambda *shape: 5.0}
    assert seconds(one_cost(speed_of(**quiet))) == pytest.approx(0.005)
    assert seconds(one_cost(speed_of(batches=(4,), **quiet))) == pytest.approx(0.00125)


@pytest.mark.parametrize("launches", [3, 5])
def test_the_ratio_of_times_and_its_interval_are_those_of_speed(launches: int) -> None:
    rows = speed_of(launches=launches, launch_noise=0.2)
    cells = summarise(rows, []).cells
    for label in ("hypermixer", "none"):
        ratio = next(one for one in one_cost(rows).costs if one.label == label).ratios["example"]
        (speed,) = (cell.ratio for cell in cells if cell.label == label)
        assert speed
        assert ratio.interval
        assert (ratio.value.low, ratio.interval.low, ratio.interval.high) == pytest.approx((speed.point, speed.low, speed.high))


def test_every_fully_measured_mixer_has_a_cost_relative_to_the_baseline() -> None:
    found = one_cost()
    assert list(found.mixers) == ["attention", "hypermixer", "none"]
    assert found.baseline == "attention"
    assert [set(one.ratios) for one in found.costs] == [set(), *2 * [{"example", "data", "trials", PRODUCT}]]
    assert one_cost(baseline="none").baseline == "none"
    assert [(source.table, source.rows) for source in found.sources] == [
        ("speed.csv", 3 * 5 * 7),
        ("data_efficiency.csv", 3 * 4 * 5),
        ("tuning.csv", 3 * 12),
    ]
    assert found.sources[1].words == "batch 32, steps 400, learning rate 0.001, 250 to 2000 examples, 5 seeds"
    assert found.lacks == ()


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"modes": ("inference",)}),
        ({}, {"batches": (2,)}),
        ({}, {"dtypes": ("bfloat16",)}),
        ({"modes": ("inference",)}, {"mixers": MIXERS[:2]}),
    ],
)
def test_the_fullest_measurement_is_preferred_then_training_single_sequences_and_float32(
    better: dict[str, object], worse: dict[str, object]
) -> None:
    wanted = speed_of(**{"latency_ms": lambda *shape: 7.0, "launch_noise": 0.0, **better})
    other = speed_of(**{"latency_ms": lambda *shape: 1.0, **worse})
    assert seconds(one_cost(wanted + other)) == pytest.approx(0.007, rel=0.2)
    assert seconds(one_cost(other + wanted)) == pytest.approx(0.007, rel=0.2)


def test_blocks_are_preferred_to_models_and_models_need_the_same_number_of_layers() -> None:
    mixer = speed_of(latency_ms=lambda *shape: 1.0, launch_noise=0.0)
    block = [replace(row, scope="block", latency_ms=2.0) for row in mixer]
    model = [replace(row, scope="model", latency_ms=3.0, settings='{"layers":2}') for row in mixer]
    deeper = [replace(row, settings='{"layers":6}') for row in model]
    assert seconds(one_cost(mixer + block + model)) == pytest.approx(0.002)
    assert seconds(one_cost(mixer + model)) == pytest.approx(0.003)
    assert seconds(one_cost(mixer + deeper)) == pytest.approx(0.001, rel=0.2)
    assert seconds(one_cost(mixer + block, columns={"scope": "mixer"})) == pytest.approx(0.001, rel=0.2)


@pytest.mark.parametrize("shape", [{"tokens": 128}, {"widths": (32,)}, {"devices": ("cuda",)}])
def test_rows_of_another_shape_or_device_are_not_used(shape: dict[str, object]) -> None:
    found = one_cost(speed_of(**shape))
    assert found.costs == ()
    (lack,) = found.lacks
    rest = lack.command.removeprefix(f"mixbench speed --mixer attention --mixer hypermixer --mixer none {SHAPE}")
    assert rest == ("" if "devices" in shape else " --batch 1 --dtype float32 --threads 2 --launches 5")


def test_models_trained_on_a_gpu_are_timed_on_a_gpu() -> None:
    training = training_rows(MIXERS, device="cuda")
    found = task_costs(speed_of(devices=("cuda:1",)), training, [], Wish())[0]
    assert [lack.factor for lack in found.lacks] == ["trials"]
    assert "--device cuda" in task_costs([], training, [], Wish())[0].lacks[0].command


def test_missing_rows_come_with_a_command_that_parses() -> None:
    settings = training_settings(task={"data": "0f", "options": {"draw": 2, "train": 25_000}}, batch=16)
    training = training_rows(("attention", "hypermixer:heads=4"), settings=settings)
    (found,) = task_costs([], training, [], Wish())
    assert [(lack.factor, lack.mixers) for lack in found.lacks] == [
        ("example", ("attention", "hypermixer heads=4")),
        ("trials", ("attention", "hypermixer heads=4")),
    ]
    assert found.lacks[1].command == (
        "mixbench tune --mixer attention --mixer hypermixer:heads=4 --task shapes:draw=2"
        " --layers 2 --width 64 --batch 16 --steps 400 --size 2000"
    )
    for lack in found.lacks:
        parse(shlex.split(lack.command))
    partly = one_cost(trials=trial_rows(MIXERS[:2], trials=12))
    assert list(partly.mixers) == ["attention", "hypermixer"]
    assert [(lack.table, lack.mixers) for lack in partly.lacks] == [("tuning.csv", ("none",))]
    assert (
        one_cost(training=training_rows(("attention",))).lacks[0].command.startswith("mixbench data-efficiency --mixer hyper")
    )


def test_the_user_names_the_files_of_a_text_task() -> None:
    (found,) = task_costs([], training_rows(MIXERS, task="text:trec", score="accuracy"), [], Wish())
    assert found.lacks[1].command.endswith(
        "--task text --layers 2 --width 64 --batch 32 --steps 400 --size 2000"
        " --train FILE --test FILE --text COLUMN --label COLUMN"
    )
    (hub,) = task_costs([], training_rows(MIXERS, task="hf:glue/sst2", score="accuracy"), [], Wish())
    assert "--task hf:glue/sst2 " in hub.lacks[1].command


def test_counted_operations_have_no_interval_but_the_product_has_one() -> None:
    found = one_cost(measure="flops")
    assert found.unit == "FLOP"
    own = found.costs[1]
    assert own.factors["example"].interval is None
    assert own.ratios["example"].value.low == own.ratios["example"].value.high
    assert own.ratios[PRODUCT].interval is not None


def test_energy_that_nobody_asked_for_is_measured_by_the_command_that_is_printed() -> None:
    (lack,) = one_cost(measure="energy").lacks
    assert lack.words == f"speed.csv has no energy for {', '.join(MIXERS)} at this shape"
    assert lack.command.startswith("mixbench speed --mixer attention --mixer hypermixer ")
    assert "--scope mixer --mode training" in lack.command  # as the rows that are there
    assert lack.command.endswith(" --energy")
    assert "--energy" not in one_cost([], measure="time").lacks[0].command
    partly = [replace(row, energy_j=0.2) if row.mixer == "attention" else row for row in speed_of()]
    assert one_cost(partly, measure="energy").lacks[0].mixers == MIXERS[1:]
    metered = [replace(row, energy_j=0.2) for row in speed_of()]
    assert seconds(one_cost(metered, measure="energy")) == pytest.approx(0.2)


def test_energy_without_a_meter_is_missing_for_the_reason_that_its_rows_have() -> None:
    rows = [replace(row, detail="energy_j: no counter here") for row in speed_of()]
    lacks = one_cost(rows, measure="energy").lacks
    assert {(lack.factor, lack.command, lack.reason) for lack in lacks} == {("example", "", "energy_j: no counter here")}


def test_a_search_over_options_of_a_mixer_belongs_to_the_mixer_with_equal_other_options() -> None:
    trials = [
        replace(row, config=canonical_json({**json.loads(row.config), "hidden": 64 + row.trial}), settings=SEARCHED)
        if row.mixer == "hypermixer"
        else row
        for row in trial_rows(MIXERS, trials=12)
    ]
    found = one_cost(trials=trials)
    assert list(found.mixers) == ["attention", "hypermixer", "none"]
    fixed = speed_of(("attention", "hypermixer:hidden=100"))
    drawn = one_cost(fixed, training=training_rows(("attention", "hypermixer:hidden=100")), trials=trials)
    assert list(drawn.mixers) == ["attention", "hypermixer hidden=100"]
    others = one_cost(training=training_rows(("attention", "hypermixer:heads=4")), trials=trials)
    assert {lack.factor: lack.mixers for lack in others.lacks} == {
        "example": ("hypermixer heads=4",),
        "data": ("hypermixer", "none"),
        "trials": ("hypermixer heads=4",),
    }


def counting(detail: str = "", **changes: object) -> list[SpeedRow]:
    """Rows of speed in which hypermixer's count is changed and explained."""
    return [replace(row, detail=detail, **changes) if row.mixer == "hypermixer" else row for row in speed_of()]  # type: ignore[arg-type]


BOUND = lower_bound("flops", ["foo"])
WITHOUT_RATIO: dict[str, tuple[list[SpeedRow], tuple[str, str]]] = {
    "no operations": (speed_of(), ("none", "its FLOPs are 0, so there is no ratio")),
    "at least none": (counting(BOUND, flops=0), ("hypermixer", "its FLOPs are unknown (≥ 0)")),
    "unknown": (counting("flops is unknown: on cpu: it died", flops=None), ("hypermixer", "flops is unknown: on cpu: it died")),
    "without a reason": (counting(flops=None), ("hypermixer", "its FLOPs are not counted")),
}


@pytest.mark.parametrize("name", WITHOUT_RATIO)
def test_a_mixer_without_operations_to_compare_is_left_out_with_the_reason_and_no_command(name: str) -> None:
    rows, (label, reason) = WITHOUT_RATIO[name]
    found = one_cost(rows, measure="flops")
    assert label not in found.mixers
    (lack,) = (lack for lack in found.lacks if lack.mixers == (label,))
    assert (lack.factor, lack.command, lack.reason) == ("example", "", reason)
    assert label in one_cost(rows).mixers


def test_a_count_that_is_a_lower_bound_makes_ratios_and_products_bounds() -> None:
    exact, bounded = (one_cost(counting(detail), measure="flops", targets=(0.08,)) for detail in ("", BOUND))
    assert (exact.bounds, bounded.bounds) == ({}, {"hypermixer": BOUND})
    value = exact.costs[1].ratios[PRODUCT].value.low
    own = bounded.costs[1]
    assert own.factors["example"].value.mark == own.ratios["example"].value.mark == own.ratios[PRODUCT].value.mark == "≥"
    assert own.ratios[PRODUCT].value.low == pytest.approx(value)
    assert own.reached
    turned = one_cost(counting(BOUND), measure="flops", targets=(0.08,), baseline="hypermixer").costs
    other = next(one for one in turned if one.label == "attention")
    assert other.ratios[PRODUCT].value.mark == "≤"
    assert other.ratios[PRODUCT].value.high == pytest.approx(1 / value)
    both = [replace(row, detail=BOUND) for row in speed_of()]
    assert one_cost(both, measure="flops", targets=(0.08,)).costs[1].ratios[PRODUCT].value.mark == "unknown"
    assert one_cost(counting(BOUND), targets=(0.08,)).costs[1].ratios[PRODUCT].value.mark == ""


def test_records_and_json_tell_a_lower_bound_from_a_score_that_was_not_reached() -> None:
    bounded = one_cost(counting(BOUND), measure="flops", targets=(0.08,))
    of = {record["factor"]: record for record in records(bounded) if record["mixer"] == "hypermixer"}
    assert [of[factor]["mark"] for factor in ("example", "data", PRODUCT)] == ["≥", "", "≥"]
    assert [of[factor]["relative_mark"] for factor in ("example", PRODUCT)] == ["≥", "≥"]
    plain = to_json(bounded)
    ends = {one["factor"]: (one["high"], one["relative_high"]) for one in plain["costs"] if one["mixer"] == "hypermixer"}
    assert ends["example"] == ends[PRODUCT] == ("unknown", "unknown")
    assert plain["bounds"] == {"hypermixer": BOUND}
    missed = to_json(one_cost(counting(BOUND), measure="flops", targets=(0.001,)))
    marks = {one["factor"]: (one["mark"], one["high"]) for one in missed["costs"] if one["mixer"] == "hypermixer"}
    assert marks["example"] == ("≥", "unknown")
    assert marks["data"] == marks[PRODUCT] == ("not reached", "not reached")
    turned = to_json(one_cost(targets=(0.14,), baseline="hypermixer"))  # which reaches it with the fewest examples
    ends = {one["factor"]: one["relative_high"] for one in turned["costs"] if one["mixer"] == "attention"}
    assert ends["data"] == ends[PRODUCT] == "unknown"


def test_a_cost_that_a_lower_bound_leaves_open_is_not_put_down_to_the_examples() -> None:
    bounded = one_cost(counting(BOUND), measure="flops", targets=(0.14,))  # hypermixer needs the fewest, attention more
    reason = "the FLOPs of hypermixer are a lower bound, so their costs cannot be compared."
    assert sentence(bounded, "hypermixer") == f"hypermixer and attention reach mse ≤ 0.14; {reason}"


def test_code_that_its_file_no_longer_has_is_left_out_without_a_command(tmp_path: Path) -> None:
    own = "mine.py:Mean"
    trained = training_rows((*MIXERS, own))
    (code,) = {json.loads(row.config)["file_sha256"] for row in trained if row.mixer == own}
    for digest in (code, "present"):
        write_origins(tmp_path, [(digest, tmp_path / "mine.py")])
    (lack,) = one_cost(training=trained).lacks
    assert (lack.mixers, lack.command, lack.reason) == (("Mean",), "", "its code has changed since")
    write_origins(tmp_path, [(code, tmp_path / "mine.py")])
    assert all("--mixer mine.py:Mean" in lack.command for lack in one_cost(training=trained).lacks)


SEARCHED = training_settings(searched={"hypermixer.hidden": "64,128"})


def test_the_newest_study_with_the_batch_and_steps_of_the_search_is_used() -> None:
    def study(steps: int, size: int, date: str = "2025") -> list[TrainingRow]:
        return training_rows(MIXERS, (10, size), settings=training_settings(steps=steps), measured_at=f"{date}-01-01T00:00:00Z")

    assert one_cost(training=study(400, 500) + study(900, 600)).reach["attention"]["data"] == (10, 500)
    assert one_cost(training=study(900, 600) + study(400, 500)).reach["attention"]["data"] == (10, 500)
    fewer = [row for row in study(400, 500) if row.mixer == "attention"]
    assert one_cost(training=fewer + study(900, 600)).reach["attention"]["data"] == (10, 600)


def test_each_data_set_is_a_task_of_its_own_and_may_be_chosen_by_name() -> None:
    other = training_rows(MIXERS, settings=training_settings(task={"data": "another"}))
    found = task_costs(speed_of(), training_rows(MIXERS) + other, trial_rows(MIXERS, trials=12), Wish())
    assert sorted(len(cost.lacks) for cost in found) == [0, 1]
    named = training_rows(MIXERS, task="mqar")
    assert [cost.subject.task for cost in task_costs([], training_rows(MIXERS) + named, [], Wish("mqar"))] == ["mqar"]
    with pytest.raises(UnknownNameError, match="unknown task 'mqra'"):
        task_costs([], named, [], Wish("mqra"))
    assert task_costs([], [], [], Wish("mqar")) == ()


def test_targets_lie_between_the_first_score_of_all_and_the_last_of_the_best() -> None:
    found = one_cost(targets=())
    errors = [row.test_score for row in training_rows(MIXERS) if row.train_size == 250 and row.test_score]
    assert len(found.targets) == 3
    assert max(found.targets) < max(errors)
    assert [math.isinf(one.factors["data"].value.high) for one in found.costs if one.target == found.targets[0]].count(False)
    assert list(found.targets) == sorted(found.targets, reverse=True)


def test_diverged_trials_count_as_the_worst_score() -> None:
    sound, lost = (one_cost(trials=trial_rows(MIXERS, trials=12, diverged=which)) for which in ((), (1, 2, 3, 4, 5, 6)))
    few, many = (next(one for one in cost.costs if one.label == "hypermixer").factors["trials"].value for cost in (sound, lost))
    assert many.low > few.low


def test_records_and_json_keep_what_was_not_reached() -> None:
    found = one_cost(targets=(0.001,))
    first = records(found)[1]
    assert first["factor"] == "data"
    assert first["high"] == math.inf
    assert first["relative_low"] is None
    plain = to_json(found)
    assert plain["costs"][1]["high"] == "not reached"
    assert plain["subject"]["task"] == "shapes"


def test_times_that_were_disturbed_are_named_in_text_and_json() -> None:
    rows = [replace(row, quality="contended") if row.mixer == "hypermixer" else row for row in speed_of()]
    cost = one_cost(rows)
    (told,) = [text for text in cost.warnings if "Disturbed" in text]
    assert "hypermixer." in told
    assert "attention" not in told
    assert told in to_json(cost)["warnings"]


def test_a_ratio_whose_pairs_were_disturbed_is_told_where_both_times_are_clean() -> None:
    busy = {"attention": (1, 2), "hypermixer": (3, 4)}
    rows = [replace(row, quality="contended" if row.launch in busy.get(row.mixer, ()) else "clean") for row in speed_of()]
    (told,) = [text for text in one_cost(rows).warnings if "Disturbed" in text]
    assert "relative to attention" in told
    assert "hypermixer." in told
    assert not [text for text in one_cost(rows, measure="flops").warnings if "Disturbed" in text]


def test_on_a_gpu_an_example_costs_device_time_and_the_words_say_so() -> None:
    trials = [replace(row, device="cuda") for row in trial_rows(MIXERS, trials=12)]
    of_gpu = {"training": training_rows(MIXERS, device="cuda"), "trials": trials}
    quiet = {"launch_noise": 0.0, "round_noise": 0.0, "latency_ms": lambda *shape: 5.0, "devices": ("cuda",)}
    speed = [replace(row, latency_ms=90.0) for row in speed_of(**quiet)]
    mixed = [replace(row, device_ms=None) if row.round == 1 else row for row in speed]
    for rows in (speed, mixed):
        found = one_cost(rows, targets=(0.08,), **of_gpu)
        assert seconds(found) == pytest.approx(0.005)
        assert found.measure == to_json(found)["measure"] == "device time"
        assert "5.00 ms of device time" in sentence(found, "attention")
        assert re.search(r"\(device time [\d.]+ × data", sentence(found, "hypermixer"))
    assert one_cost().measure == "time"
    idle = [replace(row, device_ms=1e-5) if row.mixer == "none" else row for row in speed]
    (lack,) = one_cost(idle, **of_gpu).lacks
    assert lack.words == "none: it gives the GPU nothing to do"


def test_a_step_of_decode_is_no_example() -> None:
    steps, whole = (speed_of(modes=(mode,)) for mode in ("decode", "inference"))
    assert one_cost([*steps, *whole]) == one_cost(whole)
    assert one_cost(steps).costs == ()
