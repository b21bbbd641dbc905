"""HyperMixer (arXiv 2203.03691), with heads as in HyperConformer (arXiv 2305.18281)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.hypermixer import FUSED_NEEDS, auto_grouping
from mixbench.mixers.parts import zero_padding

Tensors = Sequence[Tensor]
Biases = Sequence[Tensor | None]


def sinusoids(tokens: int, width: int, device: torch.device | None = None) -> Tensor:
    """Positions as in Attention Is All You Need, section 3.5: float64 (tokens, width), counted from 0."""
    positions = torch.arange(tokens, dtype=torch.float64, device=device)
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)
    angles = torch.outer(positions, frequencies)  # (tokens, ceil(width / 2))
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :width]


def _xavier(*shape: int, fan: int) -> nn.Parameter:
    """Uniform, with the gain √2 that suits GELU; `fan` is fan-in + fan-out of one head's matrix."""
    bound = math.sqrt(2) * math.sqrt(6 / fan)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W + b for every matrix in a batch."""
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


class HyperMixer(nn.Module):
    """LayerNorm(W2 GELU(W1ᵀX)) with W1 = MLP1(τ(X)) and W2 = MLP2(τ(X)); (batch, tokens, width) to the same shape.

    τ(X) = √d X + positions, which only the hypernetworks see; each is d → d → hidden with GELU in between. Each of the
    `heads` groups of channels has its own hypernetworks. `tied` makes W2 = W1.

    A hypernetwork ends in a linear map, W = H B, so W1ᵀX = B1ᵀ(H1ᵀX) and W2 G = H2 (B2 G). `as-written` computes the left
    sides; `regrouped` computes the right sides, which never form W1 and W2; `auto` takes the faster one for each call. `fused`
    is `regrouped` in two kernels, on a GPU, in half precision, where no gradient is wanted; elsewhere it is `regrouped`.

    `mask` (batch, tokens) is True where the token is real. Zeroing the padded rows of X is enough: they reach sums over
    tokens only through X, and a row of W2 affects only its own token.
    """

    table: Tensor

    def __init__(
        self,
        *,
        width: int,
        tokens: int,
        hidden: int | None = None,
        heads: int = 1,
        tied: bool = False,
        bias: bool = False,
        positions: str = "sinusoidal",
        scale: bool = True,
        layer_norm: bool = True,
        grouping: str = "auto",
    ) -> None:
        super().__init__()
        hidden = hidden or 2 * width
        networks, head_width, head_hidden = 1 if tied else 2, width // heads, hidden // heads
        self.width, self.heads, self.positions = width, heads, positions
        self.grouping = grouping
        if grouping == "fused":
            _fused()
        self.auto = auto_grouping(width=width, hidden=hidden, heads=heads, tied=tied, bias=bias)
        self.scale = math.sqrt(width) if scale else 1.0
        self.first = _xavier(heads, head_width, networks * head_width, fan=2 * head_width)
        self.second = _xavier(networks, heads, head_width, head_hidden, fan=head_width + head_hidden)
        self.first_bias = nn.Parameter(torch.zeros(heads, 1, networks * head_width)) if bias else None
        self.second_bias = nn.Parameter(torch.zeros(networks, heads, 1, head_hidden)) if bias else None
        self.norm = nn.LayerNorm(width) if layer_norm else nn.Identity()
        self.outgrown: list[Tensor] = []  # tables that CUDA graphs of shorter calls go on reading
        if positions == "learned":
            self.table = nn.Parameter(0.02 * torch.randn(tokens, width))
        elif positions == "sinusoidal":
            self.register_buffer("table", sinusoids(tokens, width).to(torch.get_default_dtype()), persistent=False)
        if not layer_norm:
            self._start_at_the_scale_of_the_input(tokens)

    def _start_at_the_scale_of_the_input(self, tokens: int) -> None:
        """Draw `second` anew, so that for equal tokens the output has the scale of the input; a layer norm would ensure this.

        The variance of a hypernetwork's last layer follows from that wanted of the weights it makes (hyperfan-in, Chang et al.
        2020, arXiv 2312.08399). Here W1 makes a mean over the tokens and W2 a sum over hidden units, half of which GELU leaves.
        """
        networks, _, inputs, hidden = self.second.shape
        variances = (2 / tokens**2, 1 / hidden) if networks == 2 else (2 / (tokens * hidden),)
        positions = {"none": 0.0, "sinusoidal": 0.5, "learned": 0.02**2}[self.positions]
        seen = self.scale**2 + positions  # mean square of τ(X), and of what the first layer and GELU make of it
        for weight, variance in zip(self.second, variances, strict=True):
            bound = math.sqrt(3 * variance / (inputs * seen))
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than there are learned positions."""
        x = zero_padding(x, mask)
        batch, tokens, width = x.shape
        grouping = self._grouping(batch, tokens, x.dtype, x.device, x)
        if grouping == "fused":
            first, second = self.first[0].chunk(len(self.second), dim=-1), self.second[:, 0].unbind()
            out: Tensor = _fused().fused_mix(x, self._positions(tokens), first, second, self.scale, self.norm)
            return out
        groups = (self.heads * batch, tokens, width // self.heads)
        # heads come first everywhere: then one product per head has the whole batch in its rows
        seen = self._with_positions(x).reshape(batch * tokens, self.heads, -1).transpose(0, 1)
        values = x.reshape(batch, tokens, self.heads, -1).permute(2, 0, 1, 3).reshape(groups)
        # (heads, batch·tokens, networks·width/heads)
        features = F.gelu(_affine(seen, self.first, self.first_bias))
        mix = self._regrouped if grouping == "regrouped" else self._as_written
        biases = (None,) * len(self.second) if self.second_bias is None else self.second_bias.unbind()
        mixed = mix(features.chunk(len(self.second), dim=-1), self.second.unbind(), biases, values)
        out = self.norm(mixed.view(self.heads, batch, tokens, -1).permute(1, 2, 0, 3).reshape(x.shape))
        return out

    def _with_positions(self, x: Tensor) -> Tensor:
        positions = self._positions(x.shape[1])
        return x * self.scale if positions is None else torch.add(positions, x, alpha=self.scale)

    def _positions(self, tokens: int) -> Tensor | None:
        if self.positions == "none":
            return None
        if tokens > len(self.table):
            if self.positions == "learned":
                raise ValueError(f"{tokens} tokens, but positions were learned for {len(self.table)}")
            self.outgrown.append(self.table)
            self.table = sinusoids(max(tokens, 2 * len(self.table)), self.width, self.table.device).to(self.table)
        return self.table[:tokens]

    def _as_written(self, features: Tensors, maps: Tensors, biases: Biases, values: Tensor) -> Tensor:
        groups, tokens, _ = values.shape
        weights = [_affine(h, b, bias).view(groups, tokens, -1) for h, b, bias in zip(features, maps, biases, strict=True)]
        hidden = F.gelu(torch.bmm(weights[0].transpose(1, 2), values))  # G: (groups, hidden/heads, width/heads)
        return torch.bmm(weights[-1], hidden)

    def _regrouped(self, features: Tensors, maps: Tensors, biases: Biases, values: Tensor) -> Tensor:
        groups, _, channels = values.shape
        first, last = features[0].view(values.shape), features[-1].view(values.shape)
        # XᵀH1, which BLAS computes faster than H1ᵀX, forward and backward: (heads, batch·width/heads, width/heads)
        summary = torch.bmm(first.transpose(1, 2), values).transpose(1, 2).reshape(self.heads, -1, channels)
        offset = None if biases[0] is None else torch.bmm(values.sum(1).view(self.heads, -1, 1), biases[0])  # Xᵀ1 b1ᵀ
        hidden = F.gelu(_affine(summary, maps[0], offset))  # Gᵀ: (heads, batch·width/heads, hidden/heads)
        summary = torch.bmm(hidden, maps[-1].transpose(1, 2)).view(groups, -1, channels)  # (B2 G)ᵀ
        offset = None if biases[-1] is None else torch.bmm(hidden, biases[-1].transpose(1, 2)).view(groups, 1, -1)  # (Gᵀ b2)ᵀ
        return _affine(last, summary.transpose(1, 2), offset)

    def _grouping(self, batch: int, tokens: int, dtype: torch.dtype, device: torch.device, *inputs: Tensor) -> str:
        """The grouping that runs in such a call. Raises RuntimeError for `fused` where its kernels cannot run."""
        if self.grouping == "fused":
            kernels = _fused()
            if device.type != "cuda" and not kernels.INTERPRETED:
                raise RuntimeError(f"{FUSED_NEEDS}; this call runs on the device {device}")
            gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*inputs, *self.parameters()))
            return "regrouped" if gradient or dtype not in kernels.DTYPES else "fused"
        if self.grouping != "auto":
            return self.grouping
        return self.auto.grouping(batch=batch, tokens=tokens, cuda=device.type == "cuda", half=dtype.itemsize == 2)

    def variant(self, tokens: int, batch: int, dtype: torch.dtype, device: torch.device) -> str:
        """The variant that runs in such a call, as shown in the tables."""
        return f"grouping={self._grouping(batch, tokens, dtype, device)}"


def _fused() -> ModuleType:
    """The kernels. Raises RuntimeError without triton."""
    try:
        from mixbench.mixers import hypermixer_fused
    except ImportError as error:
        raise RuntimeError(f"{FUSED_NEEDS}: {error}") from error
    return hypermixer_fused
