"""Bytes that operators move, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.fake import operators_of

B, H, N, D = 2, 4, 6, 8
ITEM = 4


def moved(call: Callable[[], object]) -> int:
    with torch.no_grad():
        return operators_of(call).moved


def x(*shape: int) -> Tensor:
    return torch.ones(shape or (N, D))


def test_a_product_reads_its_factors_and_writes_its_result() -> None:
    a, b = x(N, D), x(D, H)
    assert moved(lambda: a @ b) == ITEM * (N * D + D * H + N * H)


def test_an_operand_counts_once_however_often_it_is_given_or_turned() -> None:
    a = x()
    assert moved(lambda: a * a) == ITEM * 2 * N * D
    assert moved(lambda: a @ a.T) == ITEM * (N * D + N * N)
    assert moved(lambda: a[:3] * a[3:]) == ITEM * (N * D + 3 * D)


def test_what_is_expanded_or_cut_counts_with_the_bytes_that_it_shows() -> None:
    a, row = x(), x(D)
    assert moved(lambda: a + row) == moved(lambda: a + row.expand(N, D)) == ITEM * (2 * N * D + D)
    assert moved(lambda: a[:, ::2].sum()) == ITEM * (N * D // 2 + 1)
    assert moved(lambda: torch.arange(8.0).unfold(0, 4, 1).sum()) - moved(lambda: torch.arange(8.0)) == ITEM * (8 + 1)


def test_in_place_is_read_and_written_and_filling_only_writes() -> None:
    a, b = x(), x()
    assert moved(lambda: a.add_(b)) == ITEM * 3 * N * D
    assert moved(lambda: a.copy_(b)) == ITEM * 2 * N * D
    assert moved(lambda: a.zero_()) == ITEM * N * D
    assert moved(lambda: torch.add(a, b, out=torch.empty(N, D))) == ITEM * 3 * N * D


def test_views_and_allocations_move_nothing_and_copies_do() -> None:
    a = x()
    assert moved(lambda: torch.empty_like(a.T)) == 0
    assert moved(lambda: a.view(D, N).T[1:].detach()) == 0
    assert moved(lambda: torch.zeros_like(a)) == ITEM * N * D
    assert moved(lambda: a.T.contiguous()) == ITEM * 2 * N * D


def test_rows_that_are_looked_up_count_and_not_the_whole_table() -> None:
    table, numbers = x(1000, D), torch.zeros(N, dtype=torch.int64)
    assert moved(lambda: nn.functional.embedding(numbers, table)) == 8 * N + ITEM * 2 * N * D


def test_half_precision_counts_half() -> None:
    a = x().bfloat16()
    assert moved(lambda: a + a) == 2 * 2 * N * D


def test_a_layer_norm_reads_input_weight_and_bias_and_writes_output_mean_and_scale() -> None:
    norm, a = nn.LayerNorm(D), x()
    assert moved(lambda: norm(a)) == ITEM * (2 * N * D + 2 * D + 2 * N)


def test_fused_attention_moves_query_key_value_output_and_the_sums_of_its_rows() -> None:
    q, k, v = (x(B, H, N, D) for _ in range(3))
    assert moved(lambda: nn.functional.scaled_dot_product_attention(q, k, v)) == ITEM * (4 * B * H * N * D + B * H * N)


def test_training_moves_what_forward_and_backward_move() -> None:
    """y = x w: x and w are read and y is written; backward reads dy and w for dx, and x and dy for dw."""
    a, w, dy = x(N, D).requires_grad_(), x(D, H).requires_grad_(), x(N, H)

    def step() -> object:
        return torch.autograd.grad(a @ w, (a, w), dy)

    product = N * D + D * H + N * H
    assert operators_of(step).moved == ITEM * 3 * product


@pytest.mark.parametrize("shape", [(0, D), (1, D)])
def test_sizes_of_0_and_1_count_what_they_hold(shape: tuple[int, int]) -> None:
    a = x(*shape)
    assert moved(lambda: a + 1) == ITEM * 2 * shape[0] * D
