from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from places import ODD
from sample_cells import BATCH, TOKENS, WIDTH, cell
from torch import nn

from mixbench.execution import Finished, Launch
from mixbench.worker import counting
from mixbench.worker import speed as worker
from mixbench.worker.measure.memory import MIB
from mixbench.worker.measure.once import _own_variant, find, foresee
from mixbench.worker.measure.subject import Cell, build_subject

PRODUCT = 2 * BATCH * TOKENS * WIDTH**2


def found(name: str, **changes: Any) -> dict[str, Any]:
    """What is found without anything foreseen."""
    measured = odd(name, **changes)
    worker.pin(1, training=measured.mode == "training")
    return find(measured, {})


def odd(name: str, **changes: Any) -> Cell:
    return cell(f"{ODD}:{name}", **changes)


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("InPlace", "it changes its input in place"),
        ("Growing", "it holds more memory after every call"),
        ("Remembering", "it does less work for an input that it has seen before"),
        ("Arrays", "flops is a lower bound: it leaves out Tensor.numpy"),
        ("Miscounting", "flops: its flops(batch, tokens) raised ValueError: planted, in two parts: operators are counted"),
    ],
)
def test_what_is_special_about_the_calls_is_remarked(name: str, remark: str) -> None:
    values = found(name)
    assert values["status"] == "ok"
    assert remark in values["detail"].split("; ")


@pytest.mark.parametrize("name", ["VariantModule", "VariantOfNoLength", "VariantOfAPart"])
def test_what_a_users_mixer_calls_variant_is_its_own_affair(name: str) -> None:
    values = found(name)
    assert (values["status"], values["variant"]) == ("ok", "")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (lambda tokens: f"{tokens}", "6"),
        (lambda length: f"{length}", "6"),
        (lambda *arguments: f"{arguments}", "(6,)"),
        (lambda batch, *, dtype: f"{batch} {dtype}", "2 torch.bfloat16"),
        (lambda length, device=None: f"{length} {device}", "6 cpu"),
        (lambda tokens, other: "", ""),
    ],
    ids=["tokens", "another name", "by place", "by name", "both", "too many"],
)
def test_a_mixer_is_told_what_it_asks_for_to_say_which_variant_runs(method: Callable[..., str], said: str) -> None:
    mixer = nn.Identity()
    mixer.variant = method
    assert _own_variant(mixer, cell("none", dtype="bfloat16")) == said


def test_a_mixer_says_which_variant_runs_in_every_scope() -> None:
    worker.pin(1)
    said = {scope: find(cell("gmlp", scope=scope), {})["variant"] for scope in ("mixer", "block", "model")}
    assert said["mixer"]
    assert set(said.values()) == {said["mixer"]}


def test_state_that_is_replaced_leaves_no_remark() -> None:
    detail = found("Running")["detail"]
    assert "memory" not in detail.replace("peak_rss", "")
    assert "input" not in detail


def test_memory_is_all_that_the_module_holds_with_what_the_first_call_makes() -> None:
    plain, table = found("Product"), found("Table")
    output = 4 * BATCH * TOKENS * WIDTH  # of the product, which is added to
    assert table["peak_memory_mib"] - plain["peak_memory_mib"] == pytest.approx(3 + output / MIB, abs=1e-4)


def test_what_the_operators_move_is_found_for_the_call_that_is_timed() -> None:
    values, factors = found("Product"), 2 * BATCH * TOKENS * WIDTH + WIDTH**2
    assert values["moved_mib"] * MIB == 4 * factors
    assert found("Product", mode="training")["moved_mib"] * MIB == 3 * 4 * factors


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_complex_parameter_is_measured_as_it_is_and_counts_as_two(mode: str, dtype: str) -> None:
    values = found("ComplexFilter", mode=mode, dtype=dtype)
    assert values["params"] == 2 * (TOKENS // 2 + 1) * WIDTH
    assert values["params"] == found("PairFilter", mode=mode)["params"]


def test_a_re_entrant_checkpoint_is_measured_in_training_and_the_way_is_said() -> None:
    values = found("Reentrant", mode="training")
    assert "gradients come from backward(), because the code does not support torch.autograd.grad" in values["detail"]
    assert values["flops"] == 4 * PRODUCT
    plain = found("Product", mode="training")
    assert plain["flops"] == 3 * PRODUCT
    assert "backward" not in plain["detail"]


@pytest.mark.parametrize("known", [False, True])
def test_a_count_is_that_of_the_precision_that_is_timed(known: bool) -> None:
    measured = odd("HalfTwice", dtype="bfloat16")
    worker.pin(1)
    values = find(measured, foresee(measured) if known else {})
    assert (values["flops"], values["detail"]) == (2 * PRODUCT, "")


def test_a_count_is_that_of_the_operators_that_run() -> None:
    measured = odd("TypeOf")
    worker.pin(1)
    foreseen = foresee(measured)
    assert foreseen["count"]["flops"] == PRODUCT
    values = find(measured, foreseen)
    assert values["flops"] == 2 * PRODUCT
    assert "flops: counted with real data on cpu, since other operators run without data" in values["detail"]
    honest = odd("Product")
    values = find(honest, foresee(honest))
    assert (values["flops"], "counted on" in values["detail"]) == (PRODUCT, False)


def test_an_output_that_turns_nan_only_in_later_calls_makes_the_cell_an_error() -> None:
    cells = [odd("NanLater"), odd("Product"), odd("InPlace")]
    job = {"cells": [vars(c) for c in cells], "threads": 1, "precision": 0.5, "budget": 0.1, "order_seed": 1}
    result = worker.measure_group(job, lambda step: None)
    fault = "after many calls, forward returned numbers that are not finite"
    assert result["failed"] == {0: {"status": "error", "detail": fault}}
    assert set(result["blocks"]) == {1, 2}


@pytest.mark.parametrize(
    ("first", "answer"), [(1, {"disturbing": {1: "the number of threads"}}), (5, {"disturbed": "the number of threads"})]
)
def test_who_sets_again_what_was_reset_disturbs_the_others_and_nobody_else(first: int, answer: dict[str, Any]) -> None:
    disturbing = odd("Threading", arguments={"width": WIDTH, "tokens": TOKENS, "first": first})
    job = {"threads": 1, "precision": 0.5, "budget": 0.1, "order_seed": 1}
    cells = [odd("Product"), disturbing, odd("InPlace")]
    assert worker.measure_group(job | {"cells": [vars(c) for c in cells]}, lambda step: None) == answer
    result = worker.measure_group(job | {"cells": [vars(disturbing)]}, lambda step: None)
    assert result["remarks"] == {0: "it changed the number of threads while it ran"}


def test_a_check_of_the_output_gives_the_input_back() -> None:
    subject = build_subject(odd("InPlace"))
    before = subject.make_input()
    assert subject.changes_input
    subject.check_output(torch.float32)
    assert torch.equal(subject.x, 2 * before)


@pytest.mark.slow
def test_what_is_foreseen_leaves_no_traces_where_a_cell_runs() -> None:
    cells = [odd(name, tokens=16, width=16, arguments={"width": 16, "tokens": 16}) for name in ("Flex", "CachedTable")]
    job = {"cells": list(map(vars, cells)), "threads": 1}
    with Launch([counting.__name__]) as launch:
        foreseen = launch.run(f"{counting.__name__}:foresee", job, 100)
        assert isinstance(foreseen, Finished)
        counted = launch.run(f"{counting.__name__}:count", job | {"foreseen": foreseen.result["found"]}, 100)
        assert isinstance(counted, Finished)
    assert [values["status"] for values in counted.result["found"]] == ["ok", "ok"], counted.result
    assert min(values["flops"] for values in counted.result["found"]) > 0
