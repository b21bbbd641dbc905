"""Every formula against a count by hand, or against the same result from matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mixbench.worker.measure.flop_formulas import formula_of
from mixbench.worker.measure.flops import FlopCount, count_flops

B, N, D, K = 2, 6, 8, 5


class Call(nn.Module):
    """A function of the input and of a weight (D, D), which may be replaced."""

    def __init__(self, function: Callable[..., Tensor], weight: Tensor | None = None) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(D, D)) if weight is None else weight

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.weight)


def count(function: Callable[..., Tensor], mode: str = "inference", **weight: Any) -> FlopCount:
    make_input = lambda: torch.randn(B, N, D)  # noqa: E731
    return count_flops(lambda: Call(function, **weight), make_input, mode=mode, tokens=N, batch=B)


def rows(x: Tensor) -> Tensor:
    return x.flatten(0, 1)


LU = 2 / 3 * D**3
PRODUCTS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], float]] = {
    "einsum": (lambda x, w: torch.einsum("bnd,de->bne", x, w), 2 * B * N * D * D),
    "einsum of three": (lambda x, w: torch.einsum("bnd,de,bme->bnm", x, w, x), 2 * B * N * D * D + 2 * B * N * N * D),
    "addbmm": (lambda x, w: torch.addbmm(w, x.mT, x), 2 * B * N * D * D),
    "baddbmm": (lambda x, w: torch.baddbmm(w, x.mT, x), 2 * B * N * D * D),
    "in place": (lambda x, w: torch.zeros(B * N, D).addmm_(rows(x), w), 2 * B * N * D * D),
    "into a tensor": (lambda x, w: torch.mm(rows(x), w, out=torch.empty(B * N, D)), 2 * B * N * D * D),
    "matrix power": (lambda x, w: torch.linalg.matrix_power(w, 4), 2 * 2 * D**3),
    "eight-bit integers": (lambda x, w: torch._int_mm(rows(x).to(torch.int8), w.to(torch.int8)), 2 * B * N * D * D),
    "groups of rows": (
        lambda x, w: torch._grouped_mm(x.bfloat16(), w.bfloat16().expand(B, D, D)).float(),
        2 * B * N * D * D,
    ),
    "distances": (lambda x, w: torch.cdist(x, w.expand(B, D, D)), 2 * B * N * D * D),
    "unfold and product": (lambda x, w: F.unfold(x[:, None], 3).mT @ torch.ones(9, K), 2 * B * (N - 2) * (D - 2) * 9 * K),
    "fold": (lambda x, w: F.fold(F.unfold(x[:, None], 3, padding=1), (N, D), 3, padding=1), 0),
    "outer product": (lambda x, w: torch.outer(x[0, 0], w[0]), 0),
    "solve": (lambda x, w: torch.linalg.solve(w, x.mT), LU + B * 2 * N * D * D),
    "solve for a vector": (lambda x, w: torch.linalg.solve(w, w[0]), LU + 2 * D * D),
    "solve with a triangle": (lambda x, w: torch.linalg.solve_triangular(w, x.mT, upper=True), B * N * D * D),
    "inverse": (lambda x, w: torch.linalg.inv(w), 2 * D**3),
    "determinant": (lambda x, w: torch.linalg.det(w), LU),
    "Cholesky": (lambda x, w: torch.linalg.cholesky(w @ w.mT), 2 * D**3 + D**3 / 3),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_and_factorisations_have_formulas(name: str) -> None:
    function, flops = PRODUCTS[name]
    counted = count(function)
    assert (counted.flops, counted.hiding, counted.reason) == (round(flops), (), "")


def test_a_bilinear_layer_counts_the_products_that_torch_takes() -> None:
    layer = nn.Bilinear(D, D, K)
    make_input = lambda: torch.randn(B * N, D)  # noqa: E731
    build = lambda: Call(lambda x, _: layer(x, x.roll(1, 0)), weight=layer.weight)  # noqa: E731
    forward, trained = (count_flops(build, make_input, mode=mode, tokens=N, batch=B) for mode in ("inference", "training"))
    whole = 2 * B * N * K * D * D
    by_hand = whole + 2 * B * N * K * D  # x A_k for every output k, then its inner product with the other input
    assert (forward.flops, forward.hiding) == (by_hand, ())
    gradients = [whole + 2 * B * N * D * D, by_hand, whole]  # (sum of g_k A_k) y; sum of g_k (x A_k); g_k x yᵀ
    assert (trained.flops, trained.hiding) == (by_hand + sum(gradients), ())


def entries(layout: str) -> Tensor:
    """A band of 3 N entries, (N, N), built on the CPU whatever the default device."""
    places = torch.arange(N, device="cpu")
    columns = torch.cat([(places - 1) % N, places, (places + 1) % N])
    indices = torch.stack([places.repeat(3), columns])
    dense = torch.zeros(N, N, device="cpu").index_put(tuple(indices), torch.ones(3 * N, device="cpu"))
    return {"coo": dense.to_sparse_coo, "csr": dense.to_sparse_csr, "csc": dense.to_sparse_csc}[layout]()


SPARSE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "torch.sparse.mm": lambda x, a: torch.sparse.mm(a, x[0]),
    "the operator @": lambda x, a: a @ x[0],
    "from the right": lambda x, a: (x[0].mT @ a).mT,
}


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_products_count_their_stored_entries(name: str, layout: str) -> None:
    counted = count(SPARSE[name], weight=entries(layout))
    assert (counted.flops, counted.hiding) == (2 * 3 * N * D, ())
    assert count(SPARSE[name], mode="training", weight=entries(layout)).flops == 2 * 2 * 3 * N * D


def test_a_sparse_tensor_that_is_built_with_the_module_is_counted_on_the_device() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("a", torch.eye(N).to_sparse_coo())

        def forward(self, x: Tensor) -> Tensor:
            return torch.sparse.mm(self.a, x[0])  # type: ignore[arg-type]

    counted = count_flops(Mixing, lambda: torch.randn(B, N, D), mode="inference", tokens=N, batch=B)
    assert (counted.flops, counted.hiding) == (2 * N * D, ())


def test_two_sparse_factors_count_the_pairs_of_entries_that_meet() -> None:
    counted = count(lambda x, a: torch.sparse.mm(a, a).to_dense(), weight=entries("coo"))
    assert (counted.flops, counted.hiding) == (2 * 3 * 3 * N, ())


def test_only_the_stored_entries_of_a_sampled_product_count() -> None:
    counted = count(lambda x, a: torch.sparse.sampled_addmm(a, x[0], x[0].mT).values(), weight=entries("csr"))
    assert (counted.flops, counted.hiding) == (2 * 3 * N * D, ())


def test_attention_by_a_kernel_of_the_users_choice_counts_two_products_also_with_shared_keys() -> None:
    def attend(x: Tensor, _: Tensor) -> Tensor:
        q = x.view(B, N, 4, 2).transpose(1, 2)
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return F.scaled_dot_product_attention(q, q[:, :2], q[:, :2], enable_gqa=True)

    products = 2 * 2 * B * 4 * N * N * 2
    counted = count(lambda x, w: attend(x, w) + 0 * x.sum().item())  # on the CPU, as it looks at a value
    assert (counted.flops, counted.hiding) == (products, ())
    assert count(lambda x, w: attend(x, w) + 0 * x.sum().item(), mode="training").flops == 3 * products


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_fused_recurrent_layer_counts_as_its_steps_do(kind: str) -> None:
    def build(looks: bool) -> nn.Module:
        layer = getattr(nn, kind)(D, D, batch_first=True, bidirectional=True)
        return Call(lambda x, _: layer(x)[0] + (0 * x.sum().item() if looks else 0), weight=layer.weight_hh_l0)

    counts = [
        count_flops(lambda looks=looks: build(looks), lambda: torch.randn(B, N, D), mode="inference", tokens=N, batch=B)
        for looks in (False, True)
    ]
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    assert [(one.flops, one.hiding) for one in counts] == [(2 * 2 * B * N * gates * 2 * D * D, ())] * 2


def test_formulas_of_kernels_for_gpus_take_the_arguments_that_torch_gives() -> None:
    x, weights = torch.randn(N, B, D), [torch.randn(4 * D, D), torch.randn(4 * D, D), torch.randn(4 * D)]
    forward = 2 * N * B * 2 * 4 * D * D
    assert _flops("_cudnn_rnn", x, weights, 4) == forward
    assert _flops("_cudnn_rnn_backward", x, weights, 4) == 2 * forward
    a, b = torch.randn(N, D), torch.randn(D, K)
    assert _flops("_scaled_mm", a, b, torch.ones(1), torch.ones(1)) == 2 * N * D * K
    assert _flops("_weight_int8pack_mm", a, torch.randn(K, D), torch.ones(K), out_val=torch.randn(N, K)) == 2 * N * D * K
    q, k = torch.randn(B, 4, N, D), torch.randn(B, 2, K, D)
    for kernel in ("flash_attention", "efficient_attention", "cudnn_attention"):
        assert _flops(f"_scaled_dot_product_{kernel}", q, k, k) == 4 * B * 4 * N * K * D
        assert _flops(f"_scaled_dot_product_{kernel}_backward", q, q, k, k, q) == 8 * B * 4 * N * K * D


def _flops(operator: str, *arguments: Any, out_val: Any = None) -> float:
    formula = formula_of(getattr(torch.ops.aten, operator))
    assert formula is not None
    return formula(*arguments, out_val=out_val)


def test_a_transform_of_nothing_is_free() -> None:
    assert count(lambda x, w: torch.fft.fft(x[:, :0], dim=2).real).flops == 0
    assert math.isclose(count(lambda x, w: torch.fft.rfft(x).real).flops or 0, B * N * 5 * D * 3 / 2)
