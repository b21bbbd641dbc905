"""Decays between the tokens of a chunk, and products of tokens with earlier ones that decay on the way.

All are exponentials of differences of sums of logarithms, `total`, each at most the one before: so none is above 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def decays(total: Tensor) -> Tensor:
    """exp(total_i − total_j) for j ≤ i, and 0 for later j; (…, length) to (…, length, length)."""
    later = torch.ones(2 * total.shape[-1:], dtype=torch.bool, device=total.device).triu(1)
    return (total.unsqueeze(-1) - total.unsqueeze(-2)).masked_fill(later, -torch.inf).exp()


def products_by_halves(left: tuple[Tensor, ...], right: Tensor, total: Tensor) -> list[Tensor]:
    """x_i·(exp(total_i − total_j) ⊙ right_j) for j ≤ i, and 0 for later j, of each x of `left`: a decay per channel.

    All are (…, length, channels) with a power of two as the length, the results (…, length, length). Tokens of a second half
    are multiplied with those of the first, each decayed to the border between them, for halves of all sizes.
    """
    results = [(x * right).sum(-1)[..., None, None] for x in left]  # (…, length/size, size, size)
    for size in (1 << n for n in range((right.shape[-2] - 1).bit_length())):
        before, after = _halves(total, size)
        border = before[..., -1:, :]
        early = (_halves(right, size)[0] * (border - before).exp().to(right.dtype)).mT
        fading = (after - border).exp().to(right.dtype)
        results = [join_pairs(result, _halves(x, size)[1] * fading @ early) for result, x in zip(results, left, strict=True)]
    return [result.squeeze(-3) for result in results]


def pairs_of(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """(…, blocks, rows, columns) to the first and the second of each two."""
    first, second = blocks.unflatten(-3, (-1, 2)).unbind(-3)
    return first, second


def join_pairs(diagonal: Tensor, corner: Tensor) -> Tensor:
    """Lower triangles (…, blocks, size, size), two and two, with what is below the first and left of the second."""
    first, second = pairs_of(diagonal)
    upper = F.pad(first, (0, first.shape[-1]))
    return torch.cat((upper, torch.cat((corner, second), dim=-1)), dim=-2)


def _halves(x: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(…, rows, channels) to the first and the second half of each 2·size rows, (…, rows/(2·size), size, channels)."""
    return pairs_of(x.unflatten(-2, (-1, size)))
