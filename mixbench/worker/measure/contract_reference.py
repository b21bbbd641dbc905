"""A check of the contract: a built-in mixer equals its slow reference, forward and in all gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from mixbench.mixers.references import reference_of
from mixbench.worker.calls import ContractError
from mixbench.worker.measure.contract_case import EXACT, Case, NotApplicableError, as_tensor, demand_same

LONGEST = 256
"""Tokens up to which a mixer is compared: a reference loops over them, some over all pairs."""


@torch.enable_grad()
def equals_reference(case: Case) -> str:
    if not case.reference:
        raise NotApplicableError("not a built-in mixer, so it has no slow reference")
    try:
        reference = reference_of(case.reference)
    except LookupError as error:
        raise ContractError(str(error)) from error
    lengths = []
    for each in case.every():
        if each.tokens > LONGEST:
            continue
        lengths.append(each.tokens)
        mixer = each.built(torch.float64)
        x = each.input(1 if each.forms == () and each.words else 2).double().requires_grad_()
        weights = each.input(len(x), seed=2).double()
        # the reference runs on the CPU, where launching its many small operators is fast
        p = {name: held.detach().cpu().requires_grad_(held.requires_grad) for name, held in mixer.named_parameters()}
        p |= {name: held.cpu() for name, held in mixer.named_buffers()}
        seen = x.detach().cpu().requires_grad_()
        y = as_tensor(mixer(x))
        expected = torch.stack([reference(p, sequence, **each.arguments) for sequence in seen])
        demand_same(y.detach().cpu(), expected.detach(), f"{each.words}forward", EXACT)
        named = {name: held for name, held in mixer.named_parameters() if held.requires_grad}
        found = torch.autograd.grad(y, [x, *named.values()], weights, allow_unused=True)
        slow = torch.autograd.grad(expected, [seen, *(p[name] for name in named)], weights.cpu(), allow_unused=True)
        for name, own, other in zip(("the input", *named), found, slow, strict=True):
            demand_same(_known(own), _known(other), f"{each.words}the gradient of {name}", EXACT)
    if not lengths:
        raise NotApplicableError(f"compared at up to {LONGEST} tokens, as the reference is slow")
    return f"forward and gradients at {' and '.join(map(str, sorted(set(lengths))))} tokens"


def _known(gradient: Tensor | None) -> Tensor:
    return torch.zeros(1, dtype=torch.float64) if gradient is None else gradient.cpu()
