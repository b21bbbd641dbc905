from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.flops import FlopCount, count_flops
from mixbench.worker.measure.threads import expect_no_more_threads

BATCH, TOKENS, WIDTH, HEADS = 2, 10, 32, 4
ATTENTION = BATCH * (8 * TOKENS * WIDTH**2 + 4 * TOKENS**2 * WIDTH)


class Call(nn.Module):
    """A function of the input and, optionally, of modules, as a module."""

    def __init__(self, function: Callable[..., Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleDict(modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, **dict(self.parts.items()))


def count(build: Callable[[], nn.Module], *size: int, mode: str = "inference", dtype: Any = None) -> FlopCount:
    size = size or (BATCH, TOKENS, WIDTH)
    return count_flops(build, lambda: torch.randn(size, dtype=dtype), mode=mode, tokens=TOKENS, batch=BATCH)


def count_call(function: Callable[[Tensor], Tensor], *size: int, mode: str = "inference", dtype: Any = None) -> int | None:
    return count(lambda: Call(function), *size, mode=mode, dtype=dtype).flops


def attend(x: Tensor, attention: nn.Module) -> Tensor:
    mixed: Tensor = attention(x, x, x, need_weights=False)[0]
    return mixed


def first_of(x: Tensor, part: nn.Module) -> Tensor:
    y: Tensor = part(x)[0]
    return y


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "linear": (lambda: nn.Linear(WIDTH, 7), (BATCH, TOKENS, WIDTH), 2 * BATCH * TOKENS * WIDTH * 7),
    "linear without bias": (lambda: nn.Linear(WIDTH, 7, bias=False), (3, WIDTH), 2 * 3 * WIDTH * 7),
    "attention": (
        lambda: Call(attend, attention=nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)),
        (BATCH, TOKENS, WIDTH),
        ATTENTION,
    ),
    "attention that returns its weights": (
        lambda: Call(lambda x, part: part(x, x, x)[0], part=nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)),
        (BATCH, TOKENS, WIDTH),
        ATTENTION,
    ),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(WIDTH, HEADS, 64, batch_first=True),
        (BATCH, TOKENS, WIDTH),
        ATTENTION + BATCH * TOKENS * 4 * WIDTH * 64,
    ),
    "convolution": (lambda: nn.Conv1d(6, 8, 5, padding=2), (BATCH, 6, 10), 2 * BATCH * 10 * 6 * 8 * 5),
    "strided convolution": (lambda: nn.Conv1d(6, 8, 4, stride=2), (BATCH, 6, 10), 2 * BATCH * 4 * 6 * 8 * 4),
    "depthwise convolution": (lambda: nn.Conv1d(6, 6, 5, padding=2, groups=6), (BATCH, 6, 10), 2 * BATCH * 10 * 6 * 5),
    "grouped convolution": (lambda: nn.Conv2d(6, 8, 3, groups=2), (BATCH, 6, 5, 4), 2 * BATCH * 3 * 2 * 3 * 8 * 9),
    "transposed convolution": (lambda: nn.ConvTranspose1d(6, 8, 4, stride=2), (BATCH, 6, 10), 2 * BATCH * 10 * 6 * 8 * 4),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_torch_are_counted_exactly(name: str) -> None:
    build, size, flops = MODULES[name]
    counted = count(build, *size)
    assert (counted.flops, counted.hiding, counted.reason) == (flops, (), "")
    trained = count(build, *size, mode="training")
    assert (trained.flops, trained.hiding, trained.reason) == (3 * flops, (), "")


def test_only_gradients_that_are_wanted_are_counted() -> None:
    def frozen() -> nn.Module:
        return nn.Linear(WIDTH, WIDTH).requires_grad_(False)

    forward = 2 * BATCH * TOKENS * WIDTH**2
    assert count(frozen, mode="training").flops == 2 * forward
    embedded = count_flops(
        lambda: nn.Sequential(nn.Embedding(9, WIDTH), nn.Linear(WIDTH, WIDTH)),
        lambda: torch.randint(9, (BATCH, TOKENS)),
        mode="training",
        tokens=TOKENS,
        batch=BATCH,
    )
    assert embedded.flops == 3 * forward


def test_a_recurrent_layer_is_counted_by_its_steps() -> None:
    counted = count(lambda: Call(first_of, part=nn.LSTM(WIDTH, WIDTH, batch_first=True)))
    assert (counted.flops, counted.hiding) == (2 * BATCH * TOKENS * 2 * (WIDTH * 4 * WIDTH), ())


def test_attention_is_counted_as_two_products_whatever_the_mask() -> None:
    q = (BATCH, HEADS, TOKENS, 8)
    products = 4 * BATCH * HEADS * TOKENS**2 * 8
    for causal in (False, True):
        attention = lambda x, causal=causal: nn.functional.scaled_dot_product_attention(x, x, x, is_causal=causal)  # noqa: E731
        assert count_call(attention, *q) == products
        assert count_call(attention, *q, mode="training") == 3 * products


@pytest.mark.parametrize("points", [2, 12, 64])
def test_fourier_transforms_cost_5_n_log_n_and_half_where_one_side_is_real(points: int) -> None:
    one = 5 * points * math.log2(points)
    assert count_call(torch.fft.fft, 3, points, dtype=torch.complex64) == round(3 * one)
    assert count_call(torch.fft.ifft, 3, points, dtype=torch.complex64) == round(3 * one)
    assert count_call(torch.fft.rfft, 3, points) == round(3 * one / 2)
    assert count_call(lambda x: torch.fft.irfft(x, n=points), 3, points // 2 + 1, dtype=torch.complex64) == round(3 * one / 2)
    both = count_call(lambda x: torch.fft.fft2(x), 3, points, points, dtype=torch.complex64)
    assert both == round(3 * 2 * points * one)
    assert count_call(lambda x: torch.fft.fft(x, dim=0), points, 3, dtype=torch.complex64) == round(3 * one)


def test_the_transform_of_one_point_is_free() -> None:
    assert count_call(torch.fft.fft, 3, 1, dtype=torch.complex64) == 0


def test_complex_products_count_as_four_real_ones() -> None:
    real, complex_ = (count_call(lambda x: x @ x.transpose(-1, -2), 2, 3, 5, dtype=dtype) for dtype in (None, torch.complex64))
    assert (real, complex_) == (2 * 2 * 3 * 3 * 5, 8 * 2 * 3 * 3 * 5)


def test_matrix_times_vector_and_dot_are_counted() -> None:
    assert count_call(lambda x: x.mv(x[0]), 3, 5) == 2 * 3 * 5
    assert count_call(lambda x: torch.addmv(x[:, 0], x, x[0]), 3, 5) == 2 * 3 * 5
    assert count_call(lambda x: x.dot(x), 5) == 2 * 5
    assert count_call(lambda x: torch.vdot(x, x), 5, dtype=torch.complex64) == 8 * 5


def test_operators_without_a_formula_are_named_and_views_and_copies_are_not() -> None:
    counted = count(lambda: Call(lambda x: torch.cumsum(x.transpose(1, 2).contiguous().relu()[:, 1:], 1) + torch.zeros(1)))
    assert counted == FlopCount(0, uncounted=("add", "cumsum", "relu"))


def test_an_operator_that_may_hide_products_is_told_apart() -> None:
    counted = count(lambda: Call(lambda x: torch.linalg.matrix_exp(x @ x.mT).relu()))
    assert counted.flops == 2 * BATCH * TOKENS * TOKENS * WIDTH
    assert counted.hiding == ("linalg_matrix_exp",)
    assert set(counted.hiding) < set(counted.uncounted)


def test_operators_with_a_formula_are_listed_with_the_number_of_their_calls() -> None:
    counted = count(lambda: Call(lambda x: torch.fft.rfft((x @ x.mT @ x).relu() @ x.mT).real))
    assert counted.operators == {"aten.bmm.default": 3, "aten._fft_r2c.default": 1}


def test_scans_and_other_elementwise_work_are_free() -> None:
    scans = (lambda x: x.cumsum(1), lambda x: x.cumprod(1), lambda x: x.logcumsumexp(1), lambda x: torch.cummax(x, 1).values)
    assert [count(partial(Call, scan)).flops for scan in scans] == [0] * 4
    assert [count(partial(Call, scan), mode="training").hiding for scan in scans] == [()] * 4


def test_an_operator_of_another_library_is_known_by_its_full_name() -> None:
    with torch.library._scoped_library("mixbench_test", "DEF") as library:
        library.define("softmax(Tensor x) -> Tensor")
        library.impl("softmax", lambda x: x @ x.mT @ x, "CompositeExplicitAutograd")
        counted = count(lambda: Call(lambda x: torch.ops.mixbench_test.softmax(x)))
    assert (counted.flops, counted.hiding) == (0, ("mixbench_test::softmax",))


class Threaded(nn.Module):
    """A product in another thread, by default a new one for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            return self.run(pool, x)

    def run(self, pool: ThreadPoolExecutor, x: Tensor) -> Tensor:
        y: Tensor = pool.submit(self.linear, x).result()
        return y @ y.mT @ y


class OwnThread(Threaded):
    def __init__(self) -> None:
        super().__init__()
        self.pool = ThreadPoolExecutor(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self.pool, x)


class SharedThread(Threaded):
    pools: ClassVar[list[ThreadPoolExecutor]] = []

    def forward(self, x: Tensor) -> Tensor:
        if not self.pools:
            self.pools.append(ThreadPoolExecutor(1))
        return self.run(self.pools[0], x)


@pytest.fixture
def _no_threads_left() -> Iterator[None]:
    yield
    while SharedThread.pools:
        SharedThread.pools.pop().shutdown()


@pytest.mark.usefixtures("_no_threads_left")
@pytest.mark.parametrize("kind", [Threaded, OwnThread, SharedThread])
def test_operators_in_threads_that_a_call_starts_are_counted(kind: type[nn.Module]) -> None:
    flops = 2 * BATCH * TOKENS * WIDTH**2 + 4 * BATCH * TOKENS**2 * WIDTH
    for _ in range(2):
        assert count(kind).flops == flops
        assert count(kind, mode="training").flops == 3 * flops
    assert threading.getprofile() is None


def test_a_thread_that_started_earlier_makes_the_count_a_lower_bound() -> None:
    expect_no_more_threads()
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()
    try:
        assert count(lambda: nn.Linear(WIDTH, WIDTH)).hiding == ("work in threads that started before the count",)
        expect_no_more_threads()
        assert count(lambda: nn.Linear(WIDTH, WIDTH)).hiding == ()
    finally:
        pool.shutdown()


class Looking(nn.Module):
    """Looks at values, which the meta device has not; dies on the CPU too if asked."""

    def __init__(self, part: nn.Module, dies: bool = False) -> None:
        super().__init__()
        self.part, self.dies = part, dies

    def forward(self, x: Tensor) -> Tensor:
        if x.sum().item() != 0 and self.dies:
            raise RuntimeError("planted")
        y: Tensor = self.part(x)
        return y


@pytest.mark.parametrize("name", ["attention", "attention that returns its weights", "encoder layer"])
def test_code_that_looks_at_values_is_counted_on_a_device_with_attention_as_products(name: str) -> None:
    build, size, flops = MODULES[name]
    assert count(lambda: Looking(build()), *size).flops == flops
    assert count(lambda: Looking(build()), *size, mode="training").flops == 3 * flops


def test_what_cannot_be_counted_has_a_reason_from_both_places() -> None:
    counted = count(lambda: Looking(nn.Identity(), dies=True))
    assert counted.flops is None
    assert "without data: " in counted.reason
    assert "on cpu: RuntimeError: planted" in counted.reason


def test_a_module_is_counted_as_it_behaves_in_its_mode() -> None:
    dropping = lambda: nn.Dropout(0.5)  # noqa: E731
    assert count(dropping).uncounted == ()
    assert count(dropping, mode="training").uncounted != ()


def test_counting_needs_no_memory_and_leaves_settings_as_they_are() -> None:
    tokens = 2**22
    counted = count(lambda: nn.Linear(2**20, 2**20), 8, tokens, 2**20)
    assert counted.flops == 2 * 8 * tokens * 2**40
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.empty(1).device.type == "cpu"
    assert torch.is_grad_enabled()
