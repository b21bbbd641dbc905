"""The first-order linear recurrence h_t = a_t h_{t−1} + b_t over the tokens, in parallel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def scan(a: Tensor, b: Tensor) -> Tensor:
    """All h_t = a_t ⊙ h_{t−1} + b_t with h before the first token zero; (batch, tokens, channels) each.

    Steps are joined in pairs, the pairs in pairs, and so on (Brent and Kung 1982): about 2·tokens steps in log2(tokens)
    rounds. Only products of the a are formed, never quotients, so with |a| ≤ 1 nothing can overflow.
    """
    result: Tensor = _Scan.apply(a, b)  # type: ignore[no-untyped-call]
    return result


def _scan(a: Tensor, b: Tensor) -> Tensor:
    tokens = a.shape[1]
    if tokens < 2:
        return b
    pairs = tokens // 2
    a_first, a_second = a[:, : 2 * pairs : 2], a[:, 1::2]
    b_first, b_second = b[:, : 2 * pairs : 2], b[:, 1::2]
    seconds = _scan(a_second * a_first, torch.addcmul(b_second, a_second, b_first))  # (batch, pairs, channels)
    later = torch.addcmul(b[:, 2::2], a[:, 2::2], seconds[:, : (tokens - 1) // 2])
    firsts = torch.cat((b[:, :1], later), dim=1)  # (batch, tokens − pairs, channels)
    joined = torch.stack((firsts[:, :pairs], seconds), dim=2).flatten(1, 2)
    return torch.cat((joined, firsts[:, pairs:]), dim=1) if tokens % 2 else joined


class _Scan(torch.autograd.Function):
    """The gradient of b is a scan from the last token to the first, with the same a one token later."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return _scan(a, b) if a.shape[1] > 1 else b.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, h = ctx.saved_tensors
        none = torch.zeros_like(a[:, :1])
        of_b = scan(torch.cat((none, a[:, 1:].flip(1)), dim=1), gradient.flip(1)).flip(1)
        return of_b * torch.cat((none, h[:, :-1]), dim=1), of_b
