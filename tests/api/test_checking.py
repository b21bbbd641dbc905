"""Values from Python: taken as the types of the options, or refused with a clear text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mixbench
from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.compare_options import CompareOptions
from mixbench.api.cost_options import CostOptions
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.tune_options import TuneOptions
from mixbench.errors import RequestError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.int64(8), 8),
        (np.array([8, 16]), (8, 16)),
        ((size for size in (8, 16)), (8, 16)),
        ("8..16", "8..16"),
        (range(8, 10), (8, 9)),
    ],
    ids=["numpy number", "numpy array", "generator", "text", "range"],
)
def test_sizes_are_taken_in_any_form(given: Any, kept: Any) -> None:
    assert SpeedOptions(tokens=given).tokens == kept


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpeedOptions(tokens=8.5), "--tokens is 8.5, not a text, a whole number or a list of them"),  # type: ignore[arg-type]
        (lambda: SpeedOptions(tokens=None), "--tokens is None"),  # type: ignore[arg-type]
        (lambda: SpeedOptions(tokens=["8", 9]), "--tokens is '8', not a whole number"),  # type: ignore[list-item]
        (lambda: SpeedOptions(mode=["inference", None]), "--mode is None, not a text"),  # type: ignore[list-item]
        (lambda: SpeedOptions(mode=[]), "--mode is empty"),
        (lambda: SpeedOptions(mixer=3), "--mixer is 3, not a text, a class or a list of them"),  # type: ignore[arg-type]
        (lambda: SpeedOptions(mixer=[]), "--mixer is empty"),
        (lambda: SpeedOptions(threads=True), "--threads is True, not a whole number"),
        (lambda: SpeedOptions(baseline=["attention"]), "--baseline is .*, not a text"),  # type: ignore[arg-type]
        (lambda: SpeedOptions(results="a\0b"), "--results holds a null character"),
        (lambda: DataEfficiencyOptions(sizes=[]), "--sizes is empty"),
        (lambda: TuneOptions(from_file=3), "--from is 3, not a text or a path"),  # type: ignore[arg-type]
        (lambda: CostOptions(target=[[0.5]]), r"--target is \[0.5\], not a number"),  # type: ignore[list-item]
        (lambda: CompareOptions("a", None), "HEAD is None, not a text or a path"),  # type: ignore[arg-type]
        (lambda: CompareOptions("a", "b", tolerance=3), "--tolerance is 3"),  # type: ignore[arg-type]
    ],
)
def test_other_values_are_refused_with_what_is_expected(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make()


def test_nothing_to_draw_and_no_targets_may_be_asked_for() -> None:
    assert AttentionMapOptions(draw=()).draw == CostOptions(target=()).target == ()


@pytest.mark.parametrize(
    "call", [lambda: mixbench.data_efficiency(sizes=0), lambda: mixbench.tune(size=0)], ids=["data-efficiency", "tune"]
)
def test_a_size_of_0_is_not_the_default(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path))
    with pytest.raises(RequestError, match="'0' is not a positive whole number"):
        call()


def test_an_unknown_keyword_is_one_of_the_function() -> None:
    with pytest.raises(TypeError, match=r"speed\(\) got an unexpected keyword argument 'token'"):
        mixbench.speed(token=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "call",
    [lambda: mixbench.duel("none", "none", threshold=-1), lambda: mixbench.selfcheck(threshold=-1)],
    ids=["duel", "selfcheck"],
)
def test_a_negative_threshold_is_refused_before_anything_is_measured(call: Callable[[], object]) -> None:
    with pytest.raises(RequestError, match=r"--threshold is .*; it must be at least 0"):
        call()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpeedOptions(launches=2147483647), "--launches is 2147483647; it must be at most 10,000"),
        (lambda: SpeedOptions(threads=10**30), "--threads is 10{30}; it must be at most 4,096"),
        (lambda: SpeedOptions(seed=10**30), "--seed is 10{30}; it must be at most 1,099,511,627,776"),
        (lambda: SpeedOptions(budget=10**400), "--budget is 10.*; it must be at most 1,000,000,000"),
        (lambda: SpeedOptions(budget=float("inf")), "--budget is inf; it must be at most 1,000,000,000"),
        (lambda: SpeedOptions(timeout=float("nan")), "--timeout is nan, not a number"),
        (lambda: SpeedOptions(tokens=[8, 10**13]), "--tokens is 10000000000000; it must be at most"),
        (lambda: DataEfficiencyOptions(seeds=10**30), "--seeds is 10{30}; it must be at most 10,000"),
        (lambda: DataEfficiencyOptions(jobs=10**30), "--jobs is 10{30}; it must be at most 4,096"),
        (lambda: TuneOptions(trials=10**9), "--trials is 1000000000; it must be at most 100,000"),
        (lambda: AttentionMapOptions(examples=10**9), "--examples is 1000000000; it must be at most 100,000"),
    ],
)
def test_a_number_that_nobody_can_wait_for_is_refused_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        make()
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpeedOptions(results="a" * 256), "--results has a name of 256 bytes; a file or folder has at most 255"),
        (lambda: SpeedOptions(results="é" * 128), "--results has a name of 256 bytes"),
        (lambda: SpeedOptions(results="/a" * 2048), "--results has 4,096 bytes; a path has at most 4,095"),
        (lambda: CompareOptions("a" * 300, "b"), "BASE has a name of 300 bytes"),
        (lambda: TuneOptions(from_file=Path("b" * 300)), "--from has a name of 300 bytes"),
        (lambda: SpeedOptions(mixer="\udcff"), "--mixer is not UTF-8"),
        (lambda: SpeedOptions(results=Path("\ud800")), "--results is not a path"),
    ],
)
def test_a_path_that_no_file_can_have_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make()


def test_a_path_of_bytes_that_are_no_text_is_one() -> None:
    assert SpeedOptions(results=Path("\udcff")).results == Path("\udcff")
