"""Parts that several mixers share."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class HeadProjections(nn.Module):
    """The projections in front of and behind heads: one to queries, keys and values, one from the mixed heads.

    `kv_heads` heads of keys and values, each for heads / kv_heads heads of queries; as many as heads if None.
    """

    def __init__(self, *, width: int, heads: int, kv_heads: int | None = None) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads or heads
        self.qkv = nn.Linear(width, width + 2 * self.kv_heads * (width // heads))
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor, turn: Callable[[Tensor], Tensor] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Q (batch, heads, tokens, channels), K and V (batch, kv_heads, tokens, channels) for x (batch, tokens, width).

        `turn` is applied to Q and K together, (batch, tokens, heads + kv_heads, channels).
        """
        qkv = self.qkv(x).unflatten(-1, (self.heads + 2 * self.kv_heads, -1))
        qk, v = qkv.split((self.heads + self.kv_heads, self.kv_heads), dim=2)
        q, k = (turn(qk) if turn else qk).transpose(1, 2).split((self.heads, self.kv_heads), dim=1)
        return q, k, v.transpose(1, 2)

    def join(self, mixed: Tensor) -> Tensor:
        """The output (batch, tokens, width) for mixed heads (batch, heads, tokens, channels)."""
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    allowed: Tensor | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · QKᵀ) V by torch's fused kernel; (batch, heads, tokens, channels). K and V may have fewer heads.

    `scale` is 1/√channels if None.
    """
    groups = q.shape[1] // k.shape[1]
    if groups > 1 and q.dtype == torch.float32:  # on a GPU, only half precision has a fused kernel that takes groups
        k, v = (each.unsqueeze(2).expand(-1, -1, groups, -1, -1).flatten(1, 2) for each in (k, v))
        groups = 1
    return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, is_causal=causal, scale=scale, enable_gqa=groups > 1)


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (batch, tokens, width) with zeros where `mask` (batch, tokens) is False; x itself without a mask."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0)


def check_length(tokens: int, limit: int, mixer: str) -> None:
    """Raise ValueError for a sequence longer than the mixer was built for."""
    if tokens > limit:
        raise ValueError(f"{tokens} tokens, but this {mixer} was built for at most {limit}")


def mix_tokens(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """W X + b for every sequence: (rows, columns), (rows) and (batch, columns, width) to (batch, rows, width)."""
    if x.device.type == "cpu" and x.dtype.itemsize > 2:  # in half precision, a convolution reorders its weights: 2 times slower
        return F.conv1d(x, weight.unsqueeze(-1), bias)
    if torch.is_grad_enabled():  # baddbmm would make a gradient (batch, rows, columns) of the weight
        return F.linear(x.transpose(1, 2), weight, bias).transpose(1, 2)
    return torch.baddbmm(bias.unsqueeze(-1), weight.expand(len(x), -1, -1), x)


def in_chunks(x: Tensor, count: int, length: int) -> Tensor:
    """(batch, heads, tokens, ·) to (batch, heads, count, length, ·), with zeros after the last token."""
    if spare := count * length - x.shape[2]:
        x = F.pad(x, (0, 0, 0, spare))
    chunks: Tensor = x.unflatten(2, (count, length))
    return chunks


def raised(part: str, dtype: torch.dtype) -> str:
    """What `variant` says of a part of a mixer that runs in float32 where the input is in half precision."""
    return f"{part}=float32" if dtype.itemsize < 4 else ""


def at_least_float32(x: Tensor) -> Tensor:
    """x, in float32 where it is in half precision: for sums over tokens and products of decays."""
    return x.float() if x.dtype.itemsize < 4 else x
