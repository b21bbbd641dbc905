"""The networks around a mixer: a pre-norm block, a model of stem, blocks and head, and the closed forms of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from mixbench.mixers.decoding import State, prefill
from mixbench.mixers.hypermixer import sinusoids
from mixbench.mixers.parts import zero_padding


class Block(nn.Module):
    """x + mixer(norm(x)), then x + feature MLP(norm(x)); (batch, tokens, width) to the same shape.

    A Transformer encoder layer, normalised before each part, with the mixer in place of attention (HyperMixer, figure 1).
    The mixer gets a mask, as `mask=`, only if it honours one. Dropout is applied to what each part adds.
    """

    def __init__(
        self, mixer: nn.Module, *, width: int, feature_hidden: int, honours_mask: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.honours_mask = honours_mask
        self.mixer_norm = nn.LayerNorm(width)
        self.mixer = mixer
        self.feature_norm = nn.LayerNorm(width)
        self.feature_mlp = nn.Sequential(nn.Linear(width, feature_hidden), nn.GELU(), nn.Linear(feature_hidden, width))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        normed = self.mixer_norm(x)
        mixed = self.mixer(normed) if mask is None or not self.honours_mask else self.mixer(normed, mask=mask)
        return self._after_mixing(x, mixed)

    def _after_mixing(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = x + self.dropout(mixed)
        y: Tensor = x + self.dropout(self.feature_mlp(self.feature_norm(x)))
        return y

    def state(self, batch: int) -> State:
        """That of the mixer: see `mixbench.mixers.decoding.Recurrent`, also for what follows."""
        return self.mixer.state(batch)  # type: ignore[operator]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output for the next token, (batch, width), and the state after it."""
        mixed, state = self.mixer.step(self.mixer_norm(x), state)  # type: ignore[operator]
        return self._after_mixing(x, mixed), state

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The outputs for the first tokens, (batch, tokens, width), and the state after them."""
        mixed, state = prefill(self.mixer, self.mixer_norm(x))
        return self._after_mixing(x, mixed), state


class Model(nn.Module):
    """Stem, sinusoidal positions, blocks, norm and head.

    The stem turns inputs of at most `tokens` tokens into (batch, tokens, width). The head gives scores for each token or, if
    `pooled`, for the mean over the real tokens. Raises ValueError for more tokens than the model was built for.
    """

    positions: Tensor

    def __init__(
        self, stem: nn.Module, blocks: Iterable[nn.Module], head: nn.Module, *, width: int, tokens: int, pooled: bool
    ) -> None:
        super().__init__()
        self.stem = stem
        self.register_buffer("positions", sinusoids(tokens, width).to(torch.get_default_dtype()), persistent=False)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.head = head
        self.pooled = pooled

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if inputs.shape[1] > len(self.positions):
            raise ValueError(f"{inputs.shape[1]} tokens, but the model was built for at most {len(self.positions)}")
        return self.after_stem(self.stem(inputs), mask)

    def after_stem(self, embedded: Tensor, mask: Tensor | None = None) -> Tensor:
        """The scores, from the output of the stem."""
        x = embedded + self.positions[: embedded.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        scores: Tensor = self.head(_masked_mean(x, mask) if self.pooled else x)
        return scores

    @property
    def reach(self) -> int:
        """Tokens on either side that an output sees through stem and head alone."""
        modules = (*self.stem.modules(), *self.head.modules())
        return sum(module.reach for module in modules if isinstance(module, OverTokens))


class OverTokens(nn.Module):
    """A convolution over the tokens, (batch, tokens, in) to (batch, tokens, out): the stem and the head for signals."""

    def __init__(self, channels: int, out: int, *, reach: int = 2) -> None:
        super().__init__()
        self.reach = reach
        self.convolution = nn.Conv1d(channels, out, 2 * reach + 1, padding=reach)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return y


def classifier(
    build_mixer: Callable[[], nn.Module],
    *,
    width: int,
    tokens: int,
    layers: int,
    feature_hidden: int,
    vocabulary: int,
    classes: int,
    honours_mask: bool = True,
    dropout: float = 0.0,
) -> Model:
    """Token numbers (batch, tokens) to class scores (batch, classes). `build_mixer` builds the mixer of one block."""
    blocks = build_blocks(build_mixer, layers, width, feature_hidden, honours_mask, dropout)
    stem, head = nn.Embedding(vocabulary, width), nn.Linear(width, classes)
    return Model(stem, blocks, head, width=width, tokens=tokens, pooled=True)


def build_blocks(
    build_mixer: Callable[[], nn.Module], layers: int, width: int, feature_hidden: int, honours_mask: bool, dropout: float
) -> list[nn.Module]:
    """The blocks of a model, each with its own mixer."""
    return [
        Block(build_mixer(), width=width, feature_hidden=feature_hidden, honours_mask=honours_mask, dropout=dropout)
        for _ in range(layers)
    ]


def _masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return x.mean(1)
    return zero_padding(x, mask).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def block_flops(mixer_flops: int, *, tokens: int, width: int, feature_hidden: int) -> int:
    """FLOPs of a block for one sequence, forward, from those of its mixer."""
    return mixer_flops + 4 * tokens * width * feature_hidden


def block_params(mixer_params: int, *, width: int, feature_hidden: int) -> int:
    """Parameters of a block, from those of its mixer."""
    return mixer_params + 2 * width * feature_hidden + feature_hidden + width + 4 * width


def model_flops(mixer_flops: int, *, tokens: int, width: int, layers: int, feature_hidden: int, classes: int) -> int:
    """FLOPs of a classifier for one sequence, forward, from those of one mixer; an embedding takes none."""
    return layers * block_flops(mixer_flops, tokens=tokens, width=width, feature_hidden=feature_hidden) + 2 * width * classes


def model_params(mixer_params: int, *, width: int, layers: int, feature_hidden: int, vocabulary: int, classes: int) -> int:
    """Parameters of a classifier, from those of one mixer."""
    blocks = layers * block_params(mixer_params, width=width, feature_hidden=feature_hidden)
    return vocabulary * width + blocks + 2 * width + width * classes + classes
