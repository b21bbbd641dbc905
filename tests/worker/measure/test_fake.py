from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from odd_mixers import Reentrant
from torch import Tensor, nn

from mixbench.worker.calls import Call
from mixbench.worker.measure import memory
from mixbench.worker.measure.fake import Operators, predict
from mixbench.worker.measure.flops import FlopCount, count_flops
from mixbench.worker.measure.trace import trace

N, D = 6, 4


def count(build: Callable[[], nn.Module], mode: str = "inference") -> FlopCount:
    return count_flops(build, lambda: torch.randn(N, D), mode=mode, tokens=N, batch=1)


def test_a_prediction_needs_no_memory_and_counts_what_is_built() -> None:
    def make_call() -> tuple[Call, object]:
        x = torch.empty(2**40)  # 4 TiB
        return lambda: torch.relu(x), x

    assert predict(make_call).peak / 2**40 == pytest.approx(8)


def test_prediction_and_measurement_agree_on_plain_tensors() -> None:
    def make_call() -> tuple[Call, object]:
        linear, x = nn.Linear(256, 512), torch.randn(1024, 256)
        return lambda: nn.functional.gelu(linear(x)), (linear, x)

    call, held = make_call()
    held_bytes = (256 * 512 + 512 + 1024 * 256) * 4
    measured = memory.live_on_cpu(trace(call)).peak + held_bytes
    assert held
    assert predict(make_call).peak == pytest.approx(measured, rel=0.001)


def test_a_prediction_and_a_call_list_the_same_operators() -> None:
    def make_call() -> tuple[Call, object]:
        x = torch.empty(2, 3, 4, 6)
        attend = lambda: nn.functional.scaled_dot_product_attention(x, x, x).relu() @ x.mT  # noqa: E731
        return attend, x

    with Operators() as operators:
        make_call()[0]()
    assert operators.heavy == predict(make_call).heavy
    assert [name for name in operators.heavy if "attention" in name]
    assert not [name for name in operators.heavy if "relu" in name]


def test_operators_are_listed_without_views() -> None:
    x = torch.empty(4, 6)
    with Operators() as operators:
        (x.T.reshape(2, 12).detach() @ x.view(12, 2)).relu()
    assert [name.split(".")[1] for name in operators.names] == ["clone", "mm", "relu"]


def test_tables_that_code_keeps_between_two_predictions_do_no_harm() -> None:
    kept: list[Tensor] = []

    def make_call() -> tuple[Call, object]:
        if not kept:
            kept.append(torch.ones(D, D))
        x = torch.randn(N, D)
        return lambda: x @ kept[0], x

    assert predict(make_call).heavy == predict(make_call).heavy == {"aten.mm.default": 1}


class AskingForItsDevice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ x.mT @ x if x.device.type == "cpu" else x


class Remembering(nn.Module):
    kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = x.mT @ x
        return x @ self.kept


def test_code_that_asks_for_its_device_is_counted_on_the_path_that_is_timed() -> None:
    assert count(AskingForItsDevice).flops == 4 * N * N * D


def test_what_only_the_first_call_computes_is_not_counted() -> None:
    assert count(Remembering).flops == 2 * N * D * D


def test_a_forward_pass_that_is_run_again_backward_is_counted_twice() -> None:
    assert count(lambda: Reentrant(D, N), "training").flops == 4 * 2 * N * D * D
