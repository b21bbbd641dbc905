"""How much each output of a model depends on each input: exact norms of Jacobian blocks, for any mixer.

The example is repeated along the batch, once for each output of interest, so that one backward pass gives one channel of all
these outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from mixbench.model import Model
from mixbench.worker.calls import either_way, gradients

_ROOM = 2**24
"""About the most elements of a tensor in one pass, which has tokens × tokens or tokens × width for each output."""


def jacobian_norms(model: Model, inputs: Tensor, outputs: Sequence[int], *, room: int = _ROOM) -> Tensor:
    """‖∂y_i/∂x_j‖, the Frobenius norm over channels, for each i in `outputs` and every j: (outputs, tokens).

    `inputs` is one example: a signal (1, tokens, channels), which is x, or token numbers (1, tokens), for which x is the
    stem's output before positions are added. The model must be in evaluation mode and keep the examples of a batch apart.
    """
    signal = inputs.is_floating_point()
    with torch.no_grad():
        x = inputs if signal else model.stem(inputs)
    tokens = x.shape[1]
    together = max(1, room // (tokens * max(tokens, x.shape[2], model.positions.shape[1])))
    parts = [
        either_way(partial(_norms, model, x, signal, outputs[start : start + together]))
        for start in range(0, len(outputs), together)
    ]
    return torch.cat(parts) if parts else x.new_zeros(0, tokens)


def _norms(model: Model, x: Tensor, signal: bool, outputs: Sequence[int], grad: bool) -> Tensor:
    copies = x.repeat(len(outputs), 1, 1).requires_grad_()
    with torch.enable_grad():
        y = model(copies) if signal else model.after_stem(copies)
        own = y[torch.arange(len(outputs)), torch.tensor(list(outputs))]  # (outputs, channels): output k of copy k
    squares = torch.zeros(copies.shape[:2], dtype=x.dtype, device=x.device)
    channels = own.sum(0)
    one = torch.ones_like(channels[0])
    for channel in range(len(channels)):
        last = channel + 1 == len(channels)
        (gradient,) = gradients(channels[channel], [copies], one, grad=grad, keep_graph=not last)
        if gradient is not None:
            squares += gradient.square().sum(-1)
    return squares.sqrt()
