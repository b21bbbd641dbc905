"""HyperMixer's regrouped form as two Triton kernels: X is read once for H1ᵀX, and once more for LayerNorm(H2 T).

T = B2 G with G = GELU(B1ᵀ(H1ᵀX)), in the symbols of `HyperMixer`, for one head without biases. H1 and H2 never reach memory.
Sums are taken in float32 and in a fixed order. The kernels are operators of torch, so tensors without values, CUDA graphs and
`torch.compile` take them as any other. They have no gradient: `HyperMixer` runs the regrouped form where one is wanted, and in
float32. Importing this module imports triton.

On an H100 with triton 3.6, at width 256, tiles of 64 rows or more made H1ᵀX in bfloat16 wrong by up to 0.067 (relative norm)
and different at each call, 32 rows and one stage gave 0.0019, as rounding does, at every call, and float32 ended in an illegal
memory access: so H1ᵀX takes only that tile, which no warp group multiplies, and float32 is left to Triton's interpreter.
"""

# ruff: noqa: N803 (constants of a kernel are in capitals, as is usual in Triton)
# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor, nn

INTERPRETED = bool(triton.knobs.runtime.interpret)
"""Whether Triton interprets kernels, which then run on the CPU, too: TRITON_INTERPRET=1 in the environment."""
DTYPES = (torch.bfloat16, torch.float16, *((torch.float32,) if INTERPRETED else ()))
Tiles = tuple[tuple[int, int, int, int], ...]
"""ROWS, STEP, warps and stages of each. They depend on the padded width and on `size`, the bytes of a number."""
_RAISED = tl.constexpr(INTERPRETED)
_NOT_SPECIAL = ["tokens", "splits", "work"]
"""Numbers that differ from call to call: kernels are not compiled anew where one is 1 or a multiple of 16."""


def fused_mix(
    x: Tensor, table: Tensor | None, first: Sequence[Tensor], second: Sequence[Tensor], scale: float, norm: nn.Module
) -> Tensor:
    """Y for one head without biases: (batch, tokens, width) to the same shape, without a gradient.

    `first` holds the hypernetworks' first layers (width, width) and `second` their last layers (width, hidden): one of each if
    tied, else two. `table` has the positions (tokens, width), `norm` is the LayerNorm or an identity. All have one of DTYPES.
    """
    operators = torch.ops.mixbench
    summary = operators.hypermixer_summary(x, table, first[0], scale)  # H1ᵀX: (batch, width, width)
    expand, contract = (weight.expand(len(x), -1, -1) for weight in (second[0].t(), second[-1]))
    mixing = torch.bmm(contract, F.gelu(torch.bmm(expand, summary)))  # T: (batch, width, width)
    affine = (norm.weight, norm.bias, norm.eps) if isinstance(norm, nn.LayerNorm) else (None, None, 0.0)
    out: Tensor = operators.hypermixer_output(x, table, first[-1], mixing, scale, *affine, len(first) == 1)
    return out


@triton.jit
def _gelu(u):
    return 0.5 * u * (1 + tl.erf(u * 0.7071067811865476))


@triton.jit
def _plus_product(total, a, b):
    if _RAISED:  # Triton's interpreter multiplies the bits of bfloat16 as if they were numbers
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total)


@triton.jit
def _read(x, table, start, end, width, scale, TABLE: tl.constexpr, TOKENS: tl.constexpr, WIDTH: tl.constexpr):
    """X from token `start` on and √d X + P, both (TOKENS, WIDTH), with zeros from token `end` and channel `width` on."""
    tokens, channels = tl.arange(0, TOKENS)[:, None], tl.arange(0, WIDTH)[None, :]
    inside = (tokens < end - start) & (channels < width)
    begin, offsets = tl.cast(start, tl.int64) * width, tokens * width + channels
    values = tl.load(x + begin + offsets, mask=inside, other=0.0)
    seen = values.to(tl.float32) * scale
    if TABLE:
        seen += tl.load(table + begin + offsets, mask=inside, other=0.0).to(tl.float32)
    return values, seen.to(values.dtype)


@triton.jit(do_not_specialize=_NOT_SPECIAL)
def _summary_kernel(
    x, table, first, partial, tokens, width, stride, scale, splits, work,
    TABLE: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    """H1ᵀX over one of `splits` parts of a sequence: ROWS channels of H1, STEP tokens at a time.

    It is an attention of A1's columns to √d X + P with the values X, with GELU instead of softmax.
    """
    blocks = tl.cdiv(width, ROWS)
    part = (tl.program_id(0) // blocks).to(tl.int64)  # of all sequences; blocks that read the same tokens are neighbours
    hidden = tl.program_id(0) % blocks * ROWS + tl.arange(0, ROWS)
    channels = tl.arange(0, WIDTH)
    inside = (channels < width)[:, None] & (hidden < width)[None, :]
    queries = tl.trans(tl.load(first + channels[:, None] * stride + hidden[None, :], mask=inside, other=0.0))
    share = tl.cdiv(tl.cdiv(tokens, splits), STEP) * STEP
    begin = (part % splits).to(tl.int32) * share
    end = tl.minimum(begin + share, tokens)
    x += part // splits * tokens * width
    total = tl.zeros((ROWS, WIDTH), tl.float32)
    for start in range(begin, end, STEP):
        values, seen = _read(x, table, start, end, width, scale, TABLE, STEP, WIDTH)
        features = _gelu(_plus_product(tl.zeros((ROWS, STEP), tl.float32), queries, tl.trans(seen)))
        total = _plus_product(total, features.to(values.dtype), values)
    inside = (hidden < width)[:, None] & (channels < width)[None, :]
    tl.store(partial + part * width * width + hidden[:, None] * width + channels[None, :], total, mask=inside)


@triton.jit(do_not_specialize=_NOT_SPECIAL)
def _sum_kernel(partial, summary, entries, splits, STEP: tl.constexpr):
    """The sum over the parts of a sequence, in their order."""
    blocks = tl.cdiv(entries, STEP)
    sequence = (tl.program_id(0) // blocks).to(tl.int64)
    own = tl.program_id(0) % blocks * STEP + tl.arange(0, STEP)
    total = tl.zeros((STEP,), tl.float32)
    for part in range(splits):
        total += tl.load(partial + (sequence * splits + part) * entries + own, mask=own < entries, other=0.0)
    tl.store(summary + sequence * entries + own, total, mask=own < entries)


@triton.jit(do_not_specialize=_NOT_SPECIAL)
def _output_kernel(
    x, table, last, mixing, weight, bias, y, tokens, width, stride, scale, eps, work,
    TABLE: tl.constexpr, NORM: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    """LayerNorm(H2 T) of ROWS tokens, STEP channels of H2 at a time: an attention of √d X + P to A2's columns with values T."""
    blocks = tl.cdiv(tokens, ROWS)
    sequence = (tl.program_id(0) // blocks).to(tl.int64)
    start = tl.program_id(0) % blocks * ROWS
    channels = tl.arange(0, WIDTH)
    mixing += sequence * width * width
    values, seen = _read(x + sequence * tokens * width, table, start, tokens, width, scale, TABLE, ROWS, WIDTH)
    total = tl.zeros((ROWS, WIDTH), tl.float32)
    for block in range(0, WIDTH, STEP):
        hidden = block + tl.arange(0, STEP)
        inside = (channels < width)[:, None] & (hidden < width)[None, :]
        keys = tl.load(last + channels[:, None] * stride + hidden[None, :], mask=inside, other=0.0)
        features = _gelu(_plus_product(tl.zeros((ROWS, STEP), tl.float32), seen, keys))
        inside = (hidden < width)[:, None] & (channels < width)[None, :]
        mixed = tl.load(mixing + hidden[:, None] * width + channels[None, :], mask=inside, other=0.0)
        total = _plus_product(total, features.to(values.dtype), mixed)
    if NORM:
        total -= (tl.sum(total, 1) / width)[:, None]
        total = tl.where((channels < width)[None, :], total, 0.0)
        total *= tl.rsqrt(tl.sum(total * total, 1) / width + eps)[:, None]
        total *= tl.load(weight + channels, mask=channels < width, other=0.0).to(tl.float32)[None, :]
        total += tl.load(bias + channels, mask=channels < width, other=0.0).to(tl.float32)[None, :]
    rows = tl.arange(0, ROWS)[:, None]
    inside = (rows < tokens - start) & (channels < width)[None, :]
    tl.store(y + (sequence * tokens + start) * width + rows * width + channels[None, :], total, mask=inside)


def _summary_tiles(width: int, size: int) -> Tiles:
    """The tile of H1ᵀX: more rows, which warp groups multiply, and more stages gave wrong sums (see above)."""
    return ((max(16, min(width, 32, 16384 // (width * size))), 16, 4, 1),)


def _output_tiles(width: int, size: int) -> Tiles:
    """Tiles that are worth a try; the last needs little memory. A sum of the most rows fills half the registers of a
    multiprocessor. With three stages a step is read during the one before, with two only during that one's second product; with
    four warps, two programs share a multiprocessor instead.
    """
    rows, step = min(128, 65536 // (width * size)), min(64, 32768 // (width * size))
    full, half = ((rows, step, 8, 3), (rows, step, 8, 2)), ((rows, step // 2, 8, 3), (rows // 2, step // 2, 4, 2))
    every = (*full, *half, (rows // 4, 16, 4, 1))
    return tuple(dict.fromkeys((max(16, min(width, r)), max(16, min(width, s)), w, n) for r, s, w, n in every))


@cache
def _tuned(kernel: Any, tiles: Tiles) -> Any:
    """A kernel that tries all tiles in its first call for an amount of work, and remembers the fastest on disk."""
    configs = [triton.Config({"ROWS": r, "STEP": s}, num_warps=w, num_stages=n) for r, s, w, n in tiles]
    return triton.autotune(configs, key=["work"], cache_results=True)(kernel)


def _launch(kernel: Any, tiles: Tiles, programs: Callable[[int], int], x: Tensor, *arguments: Any, **constants: Any) -> None:
    """Run a kernel in one of its tiles, in as many programs as ROWS asks for."""
    width, work = _padded(x), min(max(triton.next_power_of_2(x.shape[0] * x.shape[1]), 2**10), 2**20)
    run = _tuned(kernel, tiles[:1] if INTERPRETED else tiles)[lambda tile: (programs(tile["ROWS"]),)]
    with torch.cuda.device_of(x):
        run(x, *arguments, work, WIDTH=width, **constants)


def _padded(x: Tensor) -> int:
    width: int = triton.next_power_of_2(x.shape[2])
    return max(16, width)  # the least that tensor cores take


def _in_rows(matrix: Tensor) -> Tensor:
    """A matrix whose rows lie in one piece each, as the kernels read it."""
    return matrix if matrix.stride(1) == 1 else matrix.contiguous()


@cache
def _processors(device: torch.device) -> int:
    """Multiprocessors of a card; on the CPU a few, so that sequences have parts in the interpreter, too."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 8


def _summary(x: Tensor, table: Tensor | None, first: Tensor, scale: float) -> Tensor:
    x, first = x.contiguous(), _in_rows(first)
    batch, tokens, width = x.shape
    tiles = _summary_tiles(_padded(x), x.itemsize)
    blocks = triton.cdiv(width, tiles[0][0])
    splits = max(1, min(_processors(x.device) // (batch * blocks), triton.cdiv(tokens, 128)))
    partial = x.new_empty((batch, splits, width, width), dtype=torch.float32)
    summary = x.new_empty((batch, width, width))
    _launch(
        _summary_kernel, tiles, lambda rows: batch * splits * triton.cdiv(width, rows),
        x, table, first, partial, tokens, width, first.stride(0), scale, splits, TABLE=table is not None,
    )  # fmt: skip
    with torch.cuda.device_of(x):
        _sum_kernel[batch * triton.cdiv(width * width, 1024),](partial, summary, width * width, splits, STEP=1024)
    return summary


def _output(
    x: Tensor, table: Tensor | None, last: Tensor, mixing: Tensor, scale: float,
    weight: Tensor | None, bias: Tensor | None, eps: float, again: bool,
) -> Tensor:  # fmt: skip
    x, mixing, last = x.contiguous(), mixing.contiguous(), _in_rows(last)
    batch, tokens, width = x.shape
    y = torch.empty_like(x)
    _launch(
        _output_kernel, _output_tiles(_padded(x), x.itemsize), lambda rows: batch * triton.cdiv(tokens, rows),
        x, table, last, mixing, weight, bias, y, tokens, width, last.stride(0), scale, eps,
        TABLE=table is not None, NORM=weight is not None,
    )  # fmt: skip
    return y


_OPERATORS: tuple[tuple[str, Callable[..., Tensor], Callable[..., Tensor]], ...] = (
    (
        "hypermixer_summary(Tensor x, Tensor? table, Tensor first, float scale) -> Tensor",
        _summary,
        lambda x, *_: x.new_empty((x.shape[0], x.shape[2], x.shape[2])),
    ),
    (
        "hypermixer_output(Tensor x, Tensor? table, Tensor last, Tensor mixing, float scale, Tensor? weight, Tensor? bias,"
        " float eps, bool again) -> Tensor",
        _output,
        lambda x, *_: torch.empty_like(x, memory_format=torch.contiguous_format),
    ),
)
"""Schema, kernel and what it gives for tensors without values. `again` tells that H1 = H2 was computed before: see
`mixbench.worker.measure.flop_formulas`."""

_library = torch.library.Library("mixbench", "FRAGMENT")  # custom_op would import torch's compiler, which takes seconds
for _schema, _kernel, _without_values in _OPERATORS:
    _library.define(_schema)
    _library.impl(_schema.partition("(")[0], _kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(f"mixbench::{_schema.partition('(')[0]}", _without_values, lib=_library)
