"""Where mixers are used: a pre-norm block, and a model of embedding, blocks and head. Closed forms stand beside them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mixbench.mixers.hypermixer import sinusoids


class Block(nn.Module):
    """x + mixer(norm(x)), then x + feature MLP(norm(x)); (batch, tokens, width) to the same shape.

    The Transformer's encoder layer, normalised before each part, with the mixer in attention's place (HyperMixer, figure 1).
    A mask goes to the mixer only where it honours one.
    """

    def __init__(self, mixer: nn.Module, *, width: int, feature_hidden: int, honours_mask: bool = True) -> None:
        super().__init__()
        self.honours_mask = honours_mask
        self.mixer_norm = nn.LayerNorm(width)
        self.mixer = mixer
        self.feature_norm = nn.LayerNorm(width)
        self.feature_mlp = nn.Sequential(nn.Linear(width, feature_hidden), nn.GELU(), nn.Linear(feature_hidden, width))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        normed = self.mixer_norm(x)
        x = x + (self.mixer(normed) if mask is None or not self.honours_mask else self.mixer(normed, mask))
        y: Tensor = x + self.feature_mlp(self.feature_norm(x))
        return y


class Model(nn.Module):
    """Token numbers (batch, tokens) to class scores (batch, classes).

    Embedding plus sinusoidal positions, `layers` blocks, norm, mean over the real tokens, linear head. `build_mixer` makes
    the mixer of one block.
    """

    positions: Tensor

    def __init__(
        self,
        build_mixer: Callable[[], nn.Module],
        *,
        width: int,
        tokens: int,
        layers: int,
        feature_hidden: int,
        vocabulary: int,
        classes: int,
        honours_mask: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.register_buffer("positions", sinusoids(tokens, width).to(torch.get_default_dtype()), persistent=False)
        self.blocks = nn.ModuleList(
            Block(build_mixer(), width=width, feature_hidden=feature_hidden, honours_mask=honours_mask) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, numbers: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the model was built for."""
        if numbers.shape[1] > len(self.positions):
            raise ValueError(f"{numbers.shape[1]} tokens, but the model was built for at most {len(self.positions)}")
        x = self.embedding(numbers) + self.positions[: numbers.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        scores: Tensor = self.head(_masked_mean(self.norm(x), mask))
        return scores


def _masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return x.mean(1)
    return x.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def block_flops(mixer_flops: int, *, tokens: int, width: int, feature_hidden: int) -> int:
    """FLOPs of a block, forward, one sequence, given its mixer's."""
    return mixer_flops + 4 * tokens * width * feature_hidden


def block_params(mixer_params: int, *, width: int, feature_hidden: int) -> int:
    """Parameters of a block, given its mixer's."""
    return mixer_params + 2 * width * feature_hidden + feature_hidden + width + 4 * width


def model_flops(mixer_flops: int, *, tokens: int, width: int, layers: int, feature_hidden: int, classes: int) -> int:
    """FLOPs of a model, forward, one sequence, given one mixer's; looking an embedding up costs none."""
    return layers * block_flops(mixer_flops, tokens=tokens, width=width, feature_hidden=feature_hidden) + 2 * width * classes


def model_params(mixer_params: int, *, width: int, layers: int, feature_hidden: int, vocabulary: int, classes: int) -> int:
    """Parameters of a model, given one mixer's."""
    blocks = layers * block_params(mixer_params, width=width, feature_hidden=feature_hidden)
    return vocabulary * width + blocks + 2 * width + width * classes + classes
