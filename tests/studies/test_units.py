"""What stays together in a plan, and that a plan's units are the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import SAMPLES
from run_fake_speed import fake_request as speed_request
from run_fake_training import TASK, fake_maps, fake_search
from run_fake_training import fake_request as training_request

from mixbench.mixers.choice import choose_mixers
from mixbench.studies.attention_map_plan import plan_maps
from mixbench.studies.data_efficiency_plan import plan_runs, plan_trials
from mixbench.studies.prediction import call_seconds
from mixbench.studies.shards import Unit, spread
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_steps import counting
from mixbench.studies.tune_plan import plan_trials as plan_search
from mixbench.studies.units import map_units, run_units, speed_units, trial_units


def of_speed(request: SpeedRequest, *, own_threads: bool = True) -> list[Unit]:
    return speed_units(request, plan_speed(request), own_threads=own_threads)


def places_of(units: list[Unit]) -> list[int]:
    return sorted(place for unit in units for place in unit.places)


def test_all_that_is_timed_at_one_shape_is_one_unit() -> None:
    request = replace(speed_request(), width=(8, 16), execution=("eager", "compiled"), dtype=("float32", "bfloat16"))
    cells = plan_speed(request)
    units = of_speed(request)
    assert places_of(units) == list(range(len(cells)))
    shapes = [{tuple(cells[place].keys[name] for name in ("tokens", "width", "batch")) for place in u.places} for u in units]
    assert [len(shape) for shape in shapes] == [1] * 6
    assert len(set.union(*shapes)) == 6


def test_units_of_speed_do_not_depend_on_the_cores_of_a_machine_or_the_order_of_mixers() -> None:
    request = speed_request()
    more = replace(request, threads=64, mixers=request.mixers[::-1])
    assert {(u.key, u.seconds) for u in of_speed(request)} == {(u.key, u.seconds) for u in of_speed(more)}
    given = of_speed(request, own_threads=False)
    assert not {u.key for u in given} & {u.key for u in of_speed(more, own_threads=False)}


@pytest.mark.parametrize("changes", [{"launches": 3}, {"energy": True}, {"seed": 1}, {"scope": ("block",)}])
def test_another_request_has_other_units(changes: dict[str, object]) -> None:
    request = speed_request()
    assert not {u.key for u in of_speed(request)} & {u.key for u in of_speed(replace(request, **changes))}  # type: ignore[arg-type]


def test_longer_sequences_more_launches_and_more_mixers_take_longer() -> None:
    request = replace(speed_request(), tokens=(64, 16384), width=(256,))
    short, long = of_speed(request)
    assert long.seconds > short.seconds
    assert of_speed(replace(request, launches=4))[0].seconds > 1.5 * short.seconds
    assert of_speed(replace(request, mixers=request.mixers[:1]))[1].seconds < long.seconds


def test_counting_whole_models_is_foreseen_to_take_longer_than_counting_a_layer() -> None:
    request = replace(speed_request(), tokens=(4096,), width=(128,), scope=("model",))
    shallow, deep = (plan_speed(replace(request, layers=layers, mixers=request.mixers[:1]))[0] for layers in (1, 12))
    more = counting([deep]).seconds - counting([shallow]).seconds
    calls = [call_seconds(cell.keys["mixer"], cell.job) for cell in (shallow, deep)]
    assert more == pytest.approx(8 * (calls[1] - calls[0]))
    assert calls[1] > 5 * calls[0] > 0


def test_cells_that_no_machine_can_measure_take_no_time() -> None:
    decoding = replace(speed_request(), mode=("decode",), mixers=choose_mixers(["attention:causal=true"]))
    with_others = replace(decoding, mixers=choose_mixers(["attention:causal=true", "fnet"]))
    assert [unit.seconds for unit in of_speed(with_others)] == [unit.seconds for unit in of_speed(decoding)]


def test_runs_spread_but_those_that_share_a_choice_of_rate() -> None:
    request = training_request(learning_rates={"": 1e-3, "attention": "auto"})
    runs, trials = plan_runs(request), plan_trials(request)
    units = run_units(runs, trials)
    assert places_of(units) == list(range(len(runs)))
    together = [unit for unit in units if len(unit.places) > 1]
    assert [{runs[place].keys["mixer"] for place in unit.places} for unit in together] == [{"attention"}]
    assert len(together[0].places) == 6
    assert together[0].key.startswith("toy, all that shares a choice of the learning rate of attention [")
    assert len(units) == 1 + 6
    alone = sum(unit.seconds for unit in run_units(runs, {}) if "attention" in unit.key)
    assert together[0].seconds == pytest.approx(alone * 11 / 6, rel=0.02)  # five trials besides


def test_runs_of_tasks_with_one_name_and_other_data_are_apart() -> None:
    other = replace(TASK, settings={"task": "other"})
    request = training_request(tasks=(TASK, other))
    assert len({unit.key for unit in run_units(plan_runs(request), {})}) == len(plan_runs(request))


def test_more_trials_leave_the_first_ones_as_they_were() -> None:
    few, many = trial_units(plan_search(fake_search(trials=3))), trial_units(plan_search(fake_search(trials=9)))
    assert [(unit.key, unit.seconds) for unit in few] == [(unit.key, unit.seconds) for unit in many[: len(few)]]
    assert places_of(many) == list(range(18))


def test_a_model_and_its_examples_are_one_unit() -> None:
    request = fake_maps(seeds=(0, 1))
    units = map_units(plan_maps(request))
    assert len(units) == 4
    assert {unit.key for unit in units}.isdisjoint(unit.key for unit in map_units(plan_maps(fake_maps(4, seeds=(0, 1)))))


def test_models_that_share_the_choice_of_a_rate_are_one_unit_with_its_trials() -> None:
    request = fake_maps(seeds=(0, 1), learning_rates={"attention": "auto", "": 1e-3})
    maps, trials = plan_maps(request), plan_trials(request.base)
    units = {len(unit.places): unit for unit in map_units(maps, trials)}
    assert sorted(len(unit.places) for unit in map_units(maps, trials)) == [1, 1, 2]
    assert units[2].key.startswith("shapes, all that shares a choice of the learning rate of attention [")
    (alone,) = [unit for unit in map_units(maps) if unit.key.startswith("shapes, attention, seed 0 ")]
    # two models with their examples, and five trials without
    assert 2 * alone.seconds + 4.5 < units[2].seconds < 7 * alone.seconds


def test_a_mixer_without_a_closed_form_has_a_prediction_that_grows_with_its_work() -> None:
    request = replace(training_request(mixers=choose_mixers([f"{SAMPLES}:Mean"])), steps=1000)
    (short, *_), (long, *_) = (run_units(plan_runs(replace(request, batch=batch)), {}) for batch in (8, 800))
    assert 1 < short.seconds < long.seconds


def test_shards_of_a_real_plan_are_balanced() -> None:
    request = training_request(mixers=choose_mixers(["all"]), widths=(8, 16), sizes=(0.1, 1.0), seeds=tuple(range(16)))
    units = run_units(plan_runs(request), {})
    loads = [0.0] * 64
    for unit, number in zip(units, spread(units, 64), strict=True):
        loads[number - 1] += unit.seconds
    assert max(loads) < 1.02 * sum(loads) / 64
