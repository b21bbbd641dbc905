from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.bodies import uncompiled
from mixbench.worker.measure.fake import operators_of
from mixbench.worker.measure.flops import FlopCount, count_flops

B, N, D = 2, 6, 8
PRODUCT = 2 * B * N * D * D


class Call(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.randn(D, D))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.weight)


def count(function: Callable[[Tensor, Tensor], Tensor], mode: str = "inference") -> FlopCount:
    return count_flops(lambda: Call(function), lambda: torch.ones(B, N, D), mode=mode, tokens=N, batch=B)


def branch(x: Tensor, w: Tensor) -> Tensor:
    chosen: Tensor = torch.cond(x.sum() > 0, lambda y: y @ w @ w, lambda y: y @ w, (x,))
    return chosen


def loop(x: Tensor, w: Tensor) -> Tensor:
    from torch._higher_order_ops.while_loop import while_loop

    found: Tensor = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y @ w), (torch.tensor(0), x))[1]
    return found


def scan(x: Tensor, w: Tensor) -> Tensor:
    from torch._higher_order_ops.scan import scan

    found: Tensor = scan(lambda carry, y: (carry @ w + y, carry @ w), x[:, 0], x, dim=1)[1]
    return found


def associative(x: Tensor, w: Tensor) -> Tensor:
    from torch._higher_order_ops.associative_scan import associative_scan

    return associative_scan(lambda a, b: a @ b, (x[0, :, :, None] * w[0]).expand(N, D, D), 0, combine_mode="generic")


def over_tokens(x: Tensor, w: Tensor) -> Tensor:
    from torch._higher_order_ops.map import map as map_over

    found: Tensor = map_over(lambda y: y @ w, x)
    return found


CONTROL_FLOW = {"cond": (branch, 2), "while_loop": (loop, 3), "scan": (scan, 2), "map": (over_tokens, 1)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROL_FLOW)
def test_control_flow_is_counted_by_what_its_bodies_run(name: str) -> None:
    function, products = CONTROL_FLOW[name]
    counted = count(function)
    assert (counted.flops, counted.hiding, counted.reason) == (products * PRODUCT, (), "")
    trained = count(function, mode="training")
    # the carry after a scan's last step is not used, so nothing flows back through that product
    unused = 2 * PRODUCT // N if function is scan else 0
    assert (trained.flops, trained.hiding) == (3 * products * PRODUCT - unused, ())


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROL_FLOW)
def test_the_operators_of_control_flow_are_listed_in_training_too(name: str) -> None:
    function, products = CONTROL_FLOW[name]
    module, x = Call(function), torch.ones(B, N, D, requires_grad=True)
    heavy = operators_of(lambda: torch.autograd.grad(module(x).sum(), [x, module.weight])).heavy
    assert sum(heavy.values()) >= 3 * products


@pytest.mark.slow
def test_a_scan_with_products_is_counted_by_the_products_that_it_takes() -> None:
    counted = count(associative)
    assert counted.hiding == ()
    assert counted.flops is not None
    assert (N - 1) * 2 * D**3 <= counted.flops <= 2 * N * 2 * D**3


@pytest.mark.slow
def test_flexible_attention_counts_as_its_two_products() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    def attend(x: Tensor, _: Tensor) -> Tensor:
        mixed = flex_attention(x[:, None], x[:, None], x[:, None])
        assert isinstance(mixed, Tensor)
        return mixed[:, 0]

    counted = count(attend)
    assert (counted.flops, counted.hiding) == (4 * B * N * N * D, ())


def test_what_a_module_compiles_is_counted_and_nothing_is_compiled() -> None:
    compiler = torch.compile

    def compiled(x: Tensor, w: Tensor) -> Tensor:
        product: Tensor = torch.compile(dynamic=True)(torch.compile(torch.matmul))(x, w)
        return product

    counted = count(compiled, mode="training")
    assert (counted.flops, counted.hiding) == (3 * PRODUCT, ())
    assert torch.compile is compiler


def test_the_compiler_is_given_back_after_an_error() -> None:
    compiler = torch.compile
    with pytest.raises(ZeroDivisionError), uncompiled():
        raise ZeroDivisionError
    assert torch.compile is compiler
