"""One token more: the step that is timed, whether it is right, what it takes, and the state that a mixer keeps."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from decoding_mixers import Decaying, Summing
from places import DECODING
from sample_cells import BATCH, TOKENS, WIDTH, cell

from mixbench.worker import counting
from mixbench.worker import speed as worker
from mixbench.worker.measure.decoding import check_steps, state_mib_of
from mixbench.worker.measure.memory import MIB
from mixbench.worker.measure.subject import Cell, build_subject


def decoding(name: str, **changes: Any) -> Cell:
    """A cell whose class is built for one token more than its context."""
    made = cell(f"{DECODING}:{name}", mode="decode", **changes)
    return replace(made, arguments={**made.arguments, "tokens": made.tokens + 1})


def found(name: str, **changes: Any) -> dict[str, Any]:
    job = {"cells": [asdict(decoding(name, **changes))], "threads": 1}
    foreseen = counting.foresee(job, lambda step: None)["found"]
    return dict(counting.count(job | {"foreseen": foreseen}, lambda step: None)["found"][0])


@pytest.mark.parametrize(("name", "state"), [("Decaying", BATCH * WIDTH), ("Summing", BATCH * TOKENS * WIDTH)])
def test_a_step_is_counted_with_the_state_after_the_context(name: str, state: int) -> None:
    values = found(name)
    assert values["status"] == "ok", values
    assert values["flops"] == 2 * BATCH * WIDTH**2
    assert values["state_mib"] == 4 * state / MIB
    held = 4 * (WIDTH**2 + WIDTH + state + BATCH * WIDTH) / MIB
    assert held < values["peak_memory_mib"] < held + 4 * (state + 4 * BATCH * WIDTH) / MIB
    assert "peak_rss_mib" not in values
    assert values["detail"] == ""


def test_a_compiled_step_is_counted_before_it_is_compiled() -> None:
    job = {"cells": [asdict(decoding("Decaying", execution="compiled"))], "threads": 1}
    (foreseen,) = counting.foresee(job, lambda step: None)["found"]
    assert foreseen["count"]["flops"] == 2 * BATCH * WIDTH**2


@pytest.mark.parametrize("execution", ["eager", "compiled"])
def test_a_step_in_half_precision_has_as_many_operations(execution: str) -> None:
    job = {"cells": [asdict(decoding("Decaying", execution=execution, dtype="bfloat16"))], "threads": 1}
    (foreseen,) = counting.foresee(job, lambda step: None)["found"]
    if execution == "compiled":
        assert foreseen["count"]["flops"] == 2 * BATCH * WIDTH**2
    else:
        assert found("Decaying", dtype="bfloat16")["flops"] == 2 * BATCH * WIDTH**2


def test_the_state_of_a_long_context_takes_no_longer_check() -> None:
    assert found("Summing", tokens=1500)["state_mib"] == 4 * BATCH * 1500 * WIDTH / MIB
    assert found("Positioned", tokens=1500)["status"] == "ok", "built for a fixed number of tokens"


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("Different", "error", f"the step after {TOKENS} tokens differs from forward on {TOKENS + 1} tokens by "),
        ("InPlace", "error", "a step changes the state that it is given: repeated from there, its output differs by "),
        ("Wider", "error", f"step returned the shape ({BATCH}, {2 * WIDTH}), not ({BATCH}, {WIDTH})"),
        ("Broken", "error", "step returned numbers that are not finite"),
        ("Lonely", "error", "step did not return an output and a state"),
        (
            "WithoutSteps",
            "unsupported",
            "it has no state and no step: to decode, a mixer needs state(batch) and step(x, state)",
        ),
    ],
)
@pytest.mark.parametrize("scope", ["mixer", "block"])
def test_steps_that_are_wrong_or_missing_are_told_instead_of_timed(scope: str, name: str, status: str, detail: str) -> None:
    values = found(name, scope=scope)
    assert values["status"] == status
    assert values["detail"].startswith(detail)


def test_a_step_that_changes_its_token_is_told_so_except_in_a_block_which_makes_that_token_itself() -> None:
    assert found("Overwriting")["detail"].startswith("step(x, state) changed x in place")
    assert found("Overwriting", scope="block")["status"] == "ok"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scope", ["mixer", "block"])
def test_the_timed_call_is_the_step_after_the_context_over_and_over(scope: str, dtype: str) -> None:
    worker.pin(1)
    subject = build_subject(decoding("Summing", scope=scope, dtype=dtype))
    first, *others = subject.calls()
    assert len(others) == 2
    y = first()
    assert isinstance(y, torch.Tensor)
    assert (y.shape, y.dtype) == ((BATCH, WIDTH), getattr(torch, dtype))
    for other in others:
        assert not torch.equal(other(), y)  # type: ignore[arg-type]
    assert torch.equal(first(), y)  # type: ignore[arg-type]


def test_a_compiled_step_computes_the_state_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []

    def compile(step: Any) -> Any:
        return lambda x: results.append(step(x)) or results[-1]

    monkeypatch.setattr(torch, "compile", compile)
    worker.pin(1)
    subject = build_subject(decoding("Decaying", execution="compiled"))
    y = subject.forward(subject.x)
    assert [each.shape for each in results[-1]] == [(BATCH, WIDTH), (BATCH, WIDTH)]
    assert results[-1][0] is y


def test_in_half_precision_steps_are_held_to_the_parallel_form_in_single() -> None:
    x = torch.randn(1, 200, WIDTH).bfloat16()
    mixer = Decaying(WIDTH, 200, decay=0.99)
    with torch.no_grad():
        check_steps(mixer.bfloat16(), lambda tokens: x[:, :tokens], 199)
    assert mixer.linear.weight.dtype == torch.bfloat16


def test_the_size_of_a_state_is_measured_after_the_tokens_of_the_context() -> None:
    assert state_mib_of(Decaying(8, 16), 16, 3, width=8) == 3 * 8 * 4 / 2**20
    assert state_mib_of(Summing(8, 16).to(torch.bfloat16), 16, 3, width=8) == 3 * 16 * 8 * 2 / 2**20
