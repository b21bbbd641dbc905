from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from gpu import needs_gpu
from places import ODD, SAMPLES
from sample_cells import BATCH, TOKENS, WIDTH, cell
from torch import Tensor, nn

from mixbench.execution import Finished, Launch
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixer
from mixbench.studies.speed_worker import Worker
from mixbench.worker import counting
from mixbench.worker import speed as worker
from mixbench.worker.calls import InTurns, turns
from mixbench.worker.measure import subject as subject_module
from mixbench.worker.measure.subject import Cell, ContractError, build_module, build_subject, load_class


def count(measured: Cell) -> dict[str, Any]:
    job = {"cells": [vars(measured)], "threads": 1}
    foreseen = counting.foresee(job, lambda step: None)["found"]
    counted = (
        foreseen if foreseen[0]["status"] != "ok" else counting.count(job | {"foreseen": foreseen}, lambda step: None)["found"]
    )
    return dict(counted[0])


@pytest.mark.parametrize(("mixer", "made"), [("attention", "meta"), (f"{SAMPLES}:Mean", "cpu")])
def test_modules_of_mixbench_and_inputs_are_made_on_the_device(monkeypatch: pytest.MonkeyPatch, mixer: str, made: str) -> None:
    places = []

    def cast(module: nn.Module, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
        places.extend({parameter.device.type for parameter in module.parameters()})
        return module.to(device)

    def make_input(cell: Cell) -> Tensor:
        x = torch.randn(cell.batch, cell.tokens, cell.width)
        places.append(x.device.type)
        return x

    monkeypatch.setattr(subject_module, "cast", cast)
    monkeypatch.setattr(subject_module, "make_input", make_input)
    monkeypatch.setattr(subject_module, "check_output", lambda y, shape, dtype, what: None)
    build_subject(cell(mixer, device="meta"))
    assert places == [made, "meta"]


@needs_gpu
@pytest.mark.parametrize("scope", ["mixer", "model"])
def test_inputs_on_a_gpu_are_made_again(scope: str) -> None:
    worker.pin(1, device="cuda")
    subject = build_subject(cell("attention", device="cuda", scope=scope))
    assert subject.x.is_cuda
    assert not torch.equal(subject.make_input(1), subject.make_input(2))
    assert torch.equal(subject.make_input(), subject.x)
    assert not subject.changes_input


IN_A_BLOCK = ("attention", "fnet", "none", "mamba2")
"""A block is part of every model: alone, it is built for some mixers."""


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize(
    ("mixer", "scope"),
    [
        *((mixer, "mixer") for mixer in MIXERS),
        *((mixer, "block") for mixer in IN_A_BLOCK),
        *((mixer, "model") for mixer in MIXERS),
    ],
)
def test_every_mixer_can_be_called_and_counted_and_its_flops_are_its_closed_form(mixer: str, scope: str, mode: str) -> None:
    measured = cell(mixer, scope=scope, mode=mode, layers=1)
    counted = count(measured)
    assert counted["status"] == "ok", counted["detail"]
    closed_forms = choose_mixer(mixer).closed_forms(TOKENS, WIDTH, batch=BATCH)
    assert closed_forms is not None
    assert counted["operators"] > 0 or (mixer, scope) == ("none", "mixer")
    if scope == "mixer":
        assert counted["flops"] == closed_forms[mode]
    else:
        assert counted["flops"] > closed_forms[mode]
    assert counted["peak_memory_mib"] > 0
    assert counted["params"] == sum(p.numel() for p in build_module(measured).parameters())


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_every_layer_of_a_model_is_counted(mode: str) -> None:
    one, two, three = (count(cell("attention", scope="model", mode=mode, layers=layers)) for layers in (1, 2, 3))
    for name in ("flops", "params", "operators"):
        assert two[name] - one[name] == three[name] - two[name] > 0


def test_attention_on_the_cpu_counts_its_product_with_the_tokens() -> None:
    assert count(cell("attention"))["flops"] == BATCH * (8 * TOKENS * WIDTH**2 + 4 * TOKENS**2 * WIDTH)
    assert "flash" in count(cell("attention"))["variant"]


def test_inputs_take_turns_so_that_code_which_remembers_the_last_one_computes() -> None:
    subject = build_subject(cell(f"{ODD}:Remembering"))
    subject.module.inputs = 1
    call, computed = InTurns(subject.calls()), subject.module.computed
    for each in islice(turns(call), 5):
        each()
    call()
    assert subject.module.computed - computed >= 5


def test_large_inputs_take_no_turns_and_others_differ_from_each_other() -> None:
    subject = build_subject(cell("none"))
    assert not torch.equal(subject.make_input(1), subject.make_input(2))
    assert torch.equal(subject.make_input(), subject.x)
    for seed in (1, 2, 3):
        subject = build_subject(cell("none", seed=seed))
        assert not any(torch.equal(subject.x, subject.make_input(number)) for number in (1, 2, 3))
    large = build_subject(cell("none", tokens=2**16, width=2**8, batch=1))
    assert large.calls() == [large.call]


def test_training_gives_the_gradients_of_input_and_parameters() -> None:
    subject = build_subject(cell("attention", mode="training"))
    gradients = subject.call()
    assert isinstance(gradients, tuple)
    assert len(gradients) == 1 + len(list(subject.module.parameters()))
    assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_inference_builds_no_graph_and_the_seed_fixes_the_result() -> None:
    worker.pin(1)
    first, second = (build_subject(cell("gmlp")).call() for _ in range(2))
    assert isinstance(first, torch.Tensor)
    assert not first.requires_grad
    assert torch.equal(first, second)  # type: ignore[arg-type]
    assert not torch.equal(first, build_subject(cell("gmlp", seed=1)).call())  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_a_compiled_module_is_compiled_before_it_is_timed(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, modes = 0, set()

    def compile(module: nn.Module) -> Callable[[Tensor], Tensor]:
        def forward(x: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            modes.add((torch.is_grad_enabled(), x.requires_grad))
            y: Tensor = module(x)
            return y

        return forward

    monkeypatch.setattr(torch, "compile", compile)
    torch.set_grad_enabled(mode == "training")
    subject = build_subject(cell("attention", execution="compiled", mode=mode))
    built = calls
    subject.call()
    # once to be checked, in training once with its backward pass, and each again to know the time without compiling
    assert (built, calls) == ((4, 5) if mode == "training" else (2, 3))
    subject.check_output(torch.float32)
    assert modes == {(mode == "training",) * 2}, "torch compiles again for another mode"


def test_a_compiled_module_that_gives_another_result_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module: lambda x: 1.001 * module(x))
    with pytest.raises(ContractError, match=r"the compiled forward returned a different result, by 0\.001 of its norm"):
        build_subject(cell("attention", execution="compiled"))


def test_what_is_held_is_parameters_input_and_in_training_the_output_gradient() -> None:
    inference = build_subject(cell("attention"))
    parameters = sum(p.numel() for p in inference.module.parameters())
    assert inference.held_bytes == 4 * (parameters + BATCH * TOKENS * WIDTH)
    assert build_subject(cell("attention", mode="training")).held_bytes == 4 * (parameters + 2 * BATCH * TOKENS * WIDTH)


def test_a_mixer_of_the_users_own_is_counted_like_the_others() -> None:
    counted = count(cell(f"{SAMPLES}:Mean:gain=3"))
    assert counted["flops"] == 2 * BATCH * WIDTH**2
    assert counted["params"] == WIDTH**2 + WIDTH
    assert "mul" in counted["uncounted_operators"]


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("Cutting", "error", f"forward returned the shape ({BATCH}, {TOKENS - 1}, {WIDTH}), not ({BATCH}, {TOKENS}, {WIDTH})"),
        ("Exploding", "error", "forward returned numbers that are not finite"),
        ("Raising", "error", "ValueError: planted in two lines"),
        ("Mean:wrong=1", "error", "cannot be built with width, tokens, wrong"),
    ],
)
def test_a_mixer_that_breaks_the_contract_has_a_status_and_a_reason(name: str, status: str, detail: str) -> None:
    counted = count(cell(f"{SAMPLES}:{name}"))
    assert counted["status"] == status
    assert detail in counted["detail"]


def test_what_needs_more_memory_than_there_is_is_not_run() -> None:
    counted = count(cell(f"{SAMPLES}:Greedy"))
    assert counted["status"] == "oom"
    assert "needs 4,294,967,296 MiB" in counted["detail"]
    assert "not run" in counted["detail"]


def test_code_that_looks_at_values_is_counted_on_the_device_or_by_what_it_declares() -> None:
    assert count(cell(f"{SAMPLES}:Looking"))["status"] == "ok"
    assert count(cell(f"{SAMPLES}:Declaring"))["flops"] == 1000 * BATCH * TOKENS


@pytest.mark.parametrize(
    ("name", "message"), [("Missing", "Missing does not exist"), ("NotAModule", "NotAModule is not a torch.nn.Module class")]
)
def test_a_name_that_is_no_module_class_is_refused(name: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        load_class(f"{SAMPLES}:{name}")


def test_a_function_that_makes_a_module_is_a_mixer_and_what_makes_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "functions.py"
    path.write_text(
        "import torch\n\ndef linear(width, tokens):\n    return torch.nn.Linear(width, width)\n\n"
        "def number(width, tokens):\n    return 3\n"
    )
    built = build_subject(cell(f"{path}:linear"))
    assert isinstance(built.module, torch.nn.Linear)
    with pytest.raises(ContractError, match=r"number returned int, not a torch\.nn\.Module"):
        build_subject(cell(f"{path}:number"))


def test_a_check_reports_every_fault_at_once(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("class Mine: pass\n")
    device = "cuda:99"
    faults = worker.check({"devices": ["cpu", device], "targets": [f"{path}:Mine"]}, lambda step: None)["faults"]
    assert len(faults) == 2
    assert device in faults[0]


def test_a_group_is_timed_in_turns_and_a_cell_that_raises_is_left_out() -> None:
    cells = [cell("none"), cell(f"{SAMPLES}:Raising"), cell("fnet")]
    steps: list[int] = []
    job = {"cells": [vars(c) for c in cells], "threads": 1, "precision": 0.5, "budget": 0.2, "order_seed": 1}
    result = worker.measure_group(job, steps.append)
    assert set(result["blocks"]) == {0, 2}
    assert result["failed"] == {1: {"status": "error", "detail": "ValueError: planted in two lines"}}
    assert len(result["blocks"][0]) == len(result["blocks"][2]) >= 3
    assert all(block["latency_ms"] > 0 and block["cpu_ms"] > 0 for block in result["blocks"][0])
    assert result["launch"]["calibration_ms"] > 0
    assert set(steps) == {worker.CALIBRATION, 0, 1, 2}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.slow
def test_operators_and_kernel_are_known_in_a_child_that_counts_too(dtype: str) -> None:
    with Launch([counting.__name__], Worker().for_counting) as launch:
        job = {"cells": [vars(cell("attention", dtype=dtype))], "threads": 1, "foreseen": [{}]}
        outcome = launch.run(f"{counting.__name__}:count", job, 60)
    assert isinstance(outcome, Finished)
    (counted,) = outcome.result["found"]
    assert counted["operators"] == 3
    assert counted["variant"] == "sdpa=flash_attention_for_cpu"


def test_out_of_memory_is_told_from_other_errors() -> None:
    class Greedy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.empty(1 << 60)

    with pytest.raises(RuntimeError) as caught:
        Greedy()(torch.zeros(1))
    assert worker.failure(caught.value)["status"] == "oom"
    assert worker.failure(ValueError("planted"))["status"] == "error"
