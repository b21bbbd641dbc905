"""Examples as padded batches of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixbench.tasks.dataset import Split, padded

_POOL = 32  # batches whose examples are sorted by length together


@dataclass(frozen=True)
class Batch:
    """Inputs (batch, tokens) or (batch, tokens, channels); mask (batch, tokens), or None without padding; targets."""

    inputs: Tensor
    mask: Tensor | None
    targets: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device."""
        return self._each(lambda tensor: tensor.to(device))

    @property
    def kind(self) -> tuple[int, bool]:
        """The length, and whether there is a mask: batches of one size and kind have tensors of the same shapes."""
        return self.inputs.shape[1], self.mask is not None

    def room_on(self, device: torch.device) -> Batch:
        """Tensors on a device that batches of this kind can be copied to."""
        return self._each(lambda tensor: torch.empty_like(tensor, device=device))

    def copy_to(self, room: Batch) -> None:
        """Copy into the tensors of another batch of this kind; a copy to a GPU is only queued."""
        for own, other in zip(self._tensors, room._tensors, strict=True):
            # torch keeps pinned memory until the copy is done
            other.copy_(own.pin_memory() if other.is_cuda else own, non_blocking=True)

    @property
    def _tensors(self) -> list[Tensor]:
        return [tensor for tensor in (self.inputs, self.mask, self.targets) if tensor is not None]

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        mask = None if self.mask is None else change(self.mask)
        return Batch(change(self.inputs), mask, change(self.targets))


def make_batch(split: Split, examples: NDArray[np.int64], *, full_length: bool) -> Batch:
    """Examples of a split, padded to the longest of them or to the full length of the data set."""
    lengths = np.asarray(split.lengths[examples])
    tokens = padded_length(int(lengths.max()), split.inputs.shape[1], full_length=full_length)
    inputs = torch.from_numpy(np.ascontiguousarray(split.inputs[examples][:, :tokens]))
    targets = np.asarray(split.targets[examples])
    if targets.ndim > 1:
        targets = targets[:, :tokens]
    ragged = bool((lengths < tokens).any())
    mask = torch.from_numpy(np.arange(tokens) < lengths[:, None]) if ragged else None
    targets = targets.astype(np.int64) if targets.dtype.kind == "i" else targets
    return Batch(inputs if inputs.is_floating_point() else inputs.long(), mask, torch.from_numpy(np.ascontiguousarray(targets)))


def padded_length(longest: int, limit: int, *, full_length: bool) -> int:
    """The number of tokens that a batch is padded to."""
    return limit if full_length else min(limit, padded(longest))


def endless(lengths: NDArray[np.int32], batch: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Indices of training batches, epoch after epoch: every example once per epoch, similar lengths together.

    Each epoch is shuffled and cut into pools; each pool is sorted by length and cut into batches, which come in random order.
    All batches have the same size: examples left over at the end of an epoch open the next one, and a data set smaller than
    a batch repeats its examples.
    """
    waiting = np.empty(0, np.int64)
    while True:
        while len(waiting) < batch:
            waiting = np.concatenate((waiting, random.permutation(len(lengths))))
        whole = len(waiting) // batch * batch
        epoch, waiting = waiting[:whole], waiting[whole:]
        for start in range(0, whole, _POOL * batch):
            pool = epoch[start : start + _POOL * batch]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            for part in random.permutation(len(pool) // batch):
                yield pool[part * batch : (part + 1) * batch]


def in_order(lengths: NDArray[np.int32], batch: int) -> Iterator[NDArray[np.int64]]:
    """Indices of batches with every example once, similar lengths together; the last batch may be smaller."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch):
        yield order[start : start + batch]
