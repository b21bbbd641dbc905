from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mixbench.mixers import MIXERS, find_mixer
from mixbench.mixers.hypermixer import HyperMixer
from mixbench.mixers.references.common import normalise, sinusoids
from mixbench.model import Block, Model, block_flops, block_params, classifier, model_flops, model_params
from mixbench.worker.measure.flops import count_flops

TOKENS, WIDTH, FEATURE_HIDDEN, LAYERS, VOCABULARY, CLASSES, BATCH = 6, 8, 20, 3, 11, 5, 2


class Recording(nn.Module):
    """Doubles its input and remembers how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[dict[str, Tensor]] = []

    def forward(self, x: Tensor, gate: Tensor | None = None, **options: Tensor) -> Tensor:
        assert gate is None, "a mask came as another argument"
        self.calls.append(options)
        return 2 * x


def builder(name: str) -> Callable[[], nn.Module]:
    entry = find_mixer(name)
    module, class_name = entry.target.split(":")
    arguments = entry.arguments(entry.config({}), TOKENS, WIDTH)
    return lambda: getattr(importlib.import_module(module), class_name)(**arguments)


def make_block(mixer: nn.Module, honours_mask: bool = True) -> Block:
    return Block(mixer, width=WIDTH, feature_hidden=FEATURE_HIDDEN, honours_mask=honours_mask)


def make_model(build_mixer: Callable[[], nn.Module], honours_mask: bool = True) -> Model:
    return classifier(
        build_mixer,
        width=WIDTH,
        tokens=TOKENS,
        layers=LAYERS,
        feature_hidden=FEATURE_HIDDEN,
        vocabulary=VOCABULARY,
        classes=CLASSES,
        honours_mask=honours_mask,
    )


def test_a_block_adds_the_mixer_and_then_the_feature_mlp_each_after_a_norm() -> None:
    torch.manual_seed(0)
    block = make_block(Recording()).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(torch.randn_like(parameter))
    p = dict(block.named_parameters())
    x = torch.randn(1, TOKENS, WIDTH, dtype=torch.float64)
    mixed = x[0] + 2 * normalise(x[0], p["mixer_norm.weight"], p["mixer_norm.bias"])
    inner = normalise(mixed, p["feature_norm.weight"], p["feature_norm.bias"]) @ p["feature_mlp.0.weight"].T
    inner = nn.functional.gelu(inner + p["feature_mlp.0.bias"]) @ p["feature_mlp.2.weight"].T + p["feature_mlp.2.bias"]
    torch.testing.assert_close(block(x)[0], mixed + inner)


@pytest.mark.parametrize(("honours_mask", "given", "reaches"), [(True, True, True), (False, True, False), (True, False, False)])
def test_a_mask_reaches_only_mixers_that_honour_one_and_by_name(honours_mask: bool, given: bool, reaches: bool) -> None:
    mixer = Recording()
    mask = torch.ones(BATCH, TOKENS, dtype=torch.bool)
    make_block(mixer, honours_mask)(torch.randn(BATCH, TOKENS, WIDTH), *([mask] if given else []))
    (call,) = mixer.calls
    assert call == ({"mask": mask} if reaches else {})


def test_a_model_is_embedding_and_positions_then_blocks_norm_mean_and_head() -> None:
    model = make_model(Recording).double()
    numbers = torch.randint(VOCABULARY, (BATCH, TOKENS))
    x = model.stem(numbers) + sinusoids(TOKENS, WIDTH)
    assert len(model.blocks) == LAYERS
    for block in model.blocks:
        x = block(x)
    torch.testing.assert_close(model(numbers), model.head(model.norm(x).mean(1)), rtol=1e-6, atol=1e-6)


def test_padding_changes_no_score() -> None:
    torch.manual_seed(0)
    model = make_model(lambda: HyperMixer(width=WIDTH, tokens=TOKENS)).double()
    numbers = torch.randint(VOCABULARY, (2, TOKENS))
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * TOKENS])
    torch.testing.assert_close(model(numbers, mask)[:1], model(numbers[:1, :4]))
    torch.testing.assert_close(model(numbers, mask)[1:], model(numbers[1:]))


def test_more_tokens_than_the_model_was_built_for_are_a_clear_error() -> None:
    model = make_model(builder("none"))
    with pytest.raises(ValueError, match=f"{TOKENS + 1} tokens, but the model was built for at most {TOKENS}"):
        model(torch.zeros(1, TOKENS + 1, dtype=torch.long))


def test_a_sequence_of_padding_alone_gives_finite_scores() -> None:
    model = make_model(Recording)
    assert torch.isfinite(model(torch.zeros(1, TOKENS, dtype=torch.long), torch.zeros(1, TOKENS, dtype=torch.bool))).all()


@pytest.mark.parametrize("name", MIXERS)
def test_parameters_equal_the_closed_forms(name: str) -> None:
    entry, build = find_mixer(name), builder(name)
    mixer = entry.closed_forms(entry.config({}), TOKENS, WIDTH)["params"]
    sizes = {"width": WIDTH, "feature_hidden": FEATURE_HIDDEN}
    assert sum(p.numel() for p in make_block(build()).parameters()) == block_params(mixer, **sizes)
    expected = model_params(mixer, **sizes, layers=LAYERS, vocabulary=VOCABULARY, classes=CLASSES)
    assert sum(p.numel() for p in make_model(build).parameters()) == expected


@pytest.mark.parametrize("name", MIXERS)
def test_counted_flops_equal_the_closed_forms(name: str) -> None:
    entry, build = find_mixer(name), builder(name)
    closed_forms = entry.closed_forms(entry.config({}), TOKENS, WIDTH, batch=BATCH)
    sizes = {"tokens": TOKENS, "width": WIDTH, "feature_hidden": FEATURE_HIDDEN}
    in_model = {**sizes, "layers": LAYERS, "classes": CLASSES}
    for mode, factor in (("inference", 1), ("training", 3)):
        mixer = closed_forms[mode]
        call = {"mode": mode, "tokens": TOKENS, "batch": BATCH}
        block = count_flops(lambda: make_block(build()), lambda: torch.randn(BATCH, TOKENS, WIDTH), **call)
        assert block.flops == BATCH * factor * block_flops(0, **sizes) + mixer
        model = count_flops(lambda: make_model(build), lambda: torch.zeros(BATCH, TOKENS, dtype=torch.long), **call)
        expected = BATCH * factor * model_flops(0, **in_model) + LAYERS * mixer
        assert model.flops == pytest.approx(expected, rel=0, abs=LAYERS / 2)  # of a Fourier transform, the form is rounded
        assert block_flops(mixer, **sizes) == block_flops(0, **sizes) + mixer
        assert model_flops(mixer, **in_model) == model_flops(0, **in_model) + LAYERS * mixer
