"""Realistic rows of speed.csv and launches.csv without measuring anything: known medians, noise by launch and by round."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mixbench.mixers import MIXERS
from mixbench.parsing.canonical import canonical_json
from mixbench.parsing.spec import parse_mixer
from mixbench.tables.columns import Row
from mixbench.tables.speed_rows import SHORTEST_KERNEL_MS, LaunchRow, SpeedRow, tokens_per_call
from mixbench.verdicts.gate.cells import Measured

PEAK_GFLOPS_PER_S = 80.0
BANDWIDTH_GB_PER_S = 20.0
LAUNCHING_MS, OPERATORS = 0.1, 10
"""What it takes the host to launch a call on a GPU, and what it launches."""
MACHINE: dict[str, object] = {
    "cpu": "Example 9000",
    "physical_cores": 2,
    "logical_cores": 4,
    "memory_gib": 16,
    "architecture": "x86_64",
    "gpus": [],
}
"""An environment, as far as it is the machine."""
STATE = 100
"""Numbers that mixers other than attention keep of each channel in decode."""
_OVERHEAD_MS, _GFLOPS_PER_S = 0.02, 30.0
_TRAINING, _MIB, _THREADS_BUSY = 3, 2**20, 1.8


def true_latency_ms(mixer: str, tokens: int, width: int, batch: int = 1, mode: str = "inference") -> float:
    """Latency without noise: a fixed overhead and the closed form's FLOPs at a fixed rate, a lower one for the FFT.

    In decode, those of one token.
    """
    known = MIXERS[mixer] if mixer in MIXERS else MIXERS["attention"]
    flops = known.closed_forms(known.config({}), tokens, width)["inference"] * (_TRAINING if mode == "training" else 1)
    rate = _GFLOPS_PER_S / 8 if mixer == "fnet" else _GFLOPS_PER_S
    if mode == "decode":
        return _OVERHEAD_MS / 10 * (1 if mixer == "attention" else 3) + batch * flops / tokens / rate / 1e6
    return _OVERHEAD_MS + batch * flops / rate / 1e6


def speed_rows(
    mixers: Sequence[str] = ("attention", "hypermixer", "none"),
    tokens: Sequence[int] = (64, 128, 256, 512),
    *,
    modes: Sequence[str] = ("inference",),
    widths: Sequence[int] = (64,),
    dtypes: Sequence[str] = ("float32",),
    devices: Sequence[str] = ("cpu",),
    batches: Sequence[int] = (1,),
    launches: int = 5,
    rounds: int = 7,
    launch_noise: float = 0.05,
    round_noise: float = 0.1,
    contended: float = 0.1,
    failures: Mapping[tuple[str, int], tuple[str, str]] | None = None,
    latency_ms: Callable[[str, int, int, int, str], float] = true_latency_ms,
    environment: str = "abc123",
    seed: int = 0,
) -> tuple[list[SpeedRow], list[LaunchRow]]:
    """Every combination measured once per launch and round; `mixers` are mixer strings, `failures` maps (mixer, tokens)
    to (status, detail), `latency_ms` gives the true latency of (name, tokens, width, batch, mode).

    Noise is log-normal with these deviations: one factor per launch and mixer, one per block. On a GPU the latency is that of
    the device, without that of launches, and wall time is longer where launching is.
    """
    rng = random.Random(seed)
    speed: list[SpeedRow] = []
    launch_rows: list[LaunchRow] = []
    for launch in range(1, launches + 1):
        groups = [
            (m, n, d, b, t, v) for m in modes for n in tokens for d in widths for b in batches for t in dtypes for v in devices
        ]
        for group, (mode, length, width, batch, dtype, device) in enumerate(groups):
            shape = {
                "scope": "mixer",
                "mode": mode,
                "tokens": length,
                "width": width,
                "batch": batch,
                "dtype": dtype,
                "device": device,
                "threads": 2,
                "compiled": False,
                "launch": launch,
                "environment": environment,
                "measured_at": f"2025-01-0{launch}T00:{group // 60:02}:{group % 60:02}Z",
            }
            fixed_ms = rng.lognormvariate(2, launch_noise)
            launch_rows.append(
                LaunchRow(
                    **shape,
                    peak_gflops_per_s=PEAK_GFLOPS_PER_S,
                    bandwidth_gb_per_s=BANDWIDTH_GB_PER_S,
                    calibration_ms=fixed_ms,
                    calibration_cpu_ms=_THREADS_BUSY * fixed_ms,
                )
            )
            for text in mixers:
                cell = {**shape, "settings": "{}", **_named(text)}
                if failure := (failures or {}).get((text, length)):
                    speed.append(SpeedRow(**cell, round=0, status=failure[0], detail=failure[1]))
                    continue
                true_ms = latency_ms(str(cell["mixer"]), length, width, batch, mode) * rng.lognormvariate(0, launch_noise)
                for number in range(1, rounds + 1):
                    ms = true_ms * rng.lognormvariate(0, round_noise)
                    block = _block(cell, number, ms, rounds, "contended" if rng.random() < contended else "clean")
                    speed.append(block if device == "cpu" else _on_gpu(block, rng.lognormvariate(0, launch_noise)))
    return speed, launch_rows


def _on_gpu(block: SpeedRow, noise: float) -> SpeedRow:
    """The block with its time as device time, and a launch of every call that takes some time, too."""
    assert block.latency_ms
    host = LAUNCHING_MS * noise if block.mixer != "none" else LAUNCHING_MS / 100
    if block.latency_ms < SHORTEST_KERNEL_MS:
        block = replace(block, tokens_per_s=None, gflops_per_s=None)
    return replace(
        block,
        latency_ms=max(block.latency_ms, host) + 0.01,
        device_ms=block.latency_ms,
        host_ms=host,
        operators=0 if block.mixer == "none" else OPERATORS,
        moved_mib=OPERATORS * block.batch * block.tokens * block.width * 4 / _MIB,
    )


def measured(
    *tables: Sequence[Row], name: str = "base", environments: Mapping[str, Mapping[str, object]] | None = None
) -> Measured:
    """A results folder that holds these tables; the environments are MACHINE unless given."""
    rows = {type(table[0]): list(table) for table in tables if table}
    named = {row.environment for table in rows.values() for row in table}  # type: ignore[attr-defined]
    return Measured(name, rows, dict.fromkeys(named, MACHINE) | dict(environments or {}))


def _named(text: str) -> dict[str, str]:
    spec = parse_mixer(text)
    if spec.file:
        return {"mixer": f"{spec.file}:{spec.name}", "config": canonical_json({**dict(spec.options), "file_sha256": "0f" * 32})}
    entry = MIXERS[spec.name]
    return {"mixer": spec.name, "config": entry.canonical(entry.config(dict(spec.options)))}


def _block(cell: Mapping[str, object], number: int, ms: float, rounds: int, quality: str) -> SpeedRow:
    length, width, batch = (int(str(cell[name])) for name in ("tokens", "width", "batch"))
    training, decoding = cell["mode"] == "training", cell["mode"] == "decode"
    known = MIXERS.get(str(cell["mixer"]), MIXERS["attention"])
    closed_forms = known.closed_forms(known.config({}), length, width)
    flops = batch * closed_forms["inference"] * (_TRAINING if training else 1) // (length if decoding else 1)
    params = closed_forms["params"]
    live = 4 * (params + batch * (4 if training else 2) * length * width + (length**2 if known.name == "mlp-mixer" else 0))
    state = 4 * batch * width * (2 * length if known.name == "attention" else STATE)
    live = 4 * params + state if decoding else live
    return SpeedRow(
        **cell,  # type: ignore[arg-type]
        round=number,
        latency_ms=ms,
        cpu_ms=_THREADS_BUSY * ms,
        tokens_per_s=tokens_per_call(str(cell["mode"]), length, batch) * 1e3 / ms,
        flops=flops,
        gflops_per_s=flops / ms / 1e6,
        params=params,
        peak_memory_mib=live / _MIB,
        state_mib=state / _MIB if decoding else None,
        rounds=rounds,
        stopped_by="precision",
        quality=quality,
    )
