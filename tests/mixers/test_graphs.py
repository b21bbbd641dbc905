"""Every built-in mixer can be captured as a CUDA graph; here graphs are emulated, on a GPU they are real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from torch import Tensor, nn

from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixer
from mixbench.worker.calls import build_mixer, cast, training_call
from mixbench.worker.graphs import beside_the_main_stream, capture
from mixbench.worker.loading import load_class

BATCH, WIDTH = 2, 16
NAMES = (*MIXERS, "hypermixer:grouping=regrouped,tied=true,bias=true,heads=2")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_gpu)])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    with emulated_graphs() if request.param == "cpu" else nullcontext():
        yield torch.device(request.param)


def built(name: str, tokens: int, device: torch.device, dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    chosen = choose_mixer(name)
    mixer = build_mixer(load_class(chosen.target), chosen.arguments(tokens, WIDTH))
    return cast(mixer, device=device, dtype=dtype)


def fill(tensor: Tensor, seed: int) -> None:
    """New numbers in the same memory."""
    with torch.no_grad():
        tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed)))


def longer(name: str) -> int:
    """Tokens of a call of a mixer that was built for 9: more, where it takes more."""
    return 12 if choose_mixer(name).entry.any_length else 9  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_forward_pass_is_captured(name: str, masked: bool, dtype: torch.dtype, device: torch.device) -> None:
    mixer, tokens = built(name, 9, device, dtype), longer(name)
    x = torch.randn(BATCH, tokens, WIDTH, device=device).to(dtype)
    lengths = torch.tensor([[tokens], [4]], device=device)
    places = torch.arange(tokens, device=device)
    mask = places < lengths

    def work() -> Tensor:
        result: Tensor = mixer(x, mask if masked else None)
        return result

    with torch.no_grad():
        with beside_the_main_stream(device):
            work()
        captured = capture(work, device)
        fill(x, seed=1)
        mask.copy_(places < lengths.flip(0))
        captured.replay()
        assert torch.equal(captured.result, work())


@pytest.mark.parametrize("name", NAMES)
def test_forward_and_backward_are_captured(name: str, device: torch.device) -> None:
    mixer, tokens = built(name, 9, device), longer(name)
    x = torch.randn(BATCH, tokens, WIDTH, device=device, requires_grad=True)
    call = training_call(mixer, x, mixer, torch.randn(BATCH, tokens, WIDTH, device=device))
    with beside_the_main_stream(device):
        call()
    captured = capture(call, device)
    fill(x, seed=1)
    captured.replay()
    for replayed, eager in zip(captured.result, call(), strict=True):
        assert replayed is not None
        torch.testing.assert_close(replayed, eager)


def test_a_graph_of_a_short_call_goes_on_working_after_a_longer_one(device: torch.device) -> None:
    mixer = built("hypermixer", 4, device)
    x = torch.randn(BATCH, 6, WIDTH, device=device)
    with torch.no_grad():
        with beside_the_main_stream(device):
            expected = mixer(x)
        captured = capture(lambda: mixer(x), device)
        mixer(torch.randn(BATCH, 40, WIDTH, device=device))
        captured.replay()
        torch.testing.assert_close(captured.result, expected)
