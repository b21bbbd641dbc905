"""A run that trains a small model for a few steps."""

from __future__ import annotations

from typing import Any

from mixbench.mixers.choice import choose_mixer
from mixbench.worker.training.run import Run


def sample_run(mixer: str, *, tokens: int, width: int, **changes: Any) -> Run:
    """One layer of a mixer, as a study would train it on the CPU."""
    chosen = choose_mixer(mixer)
    honours_mask = chosen.entry.honours_mask if chosen.entry else None
    values: dict[str, Any] = {
        "data": "",
        "target": chosen.target,
        "arguments": chosen.arguments(tokens, width),
        "honours_mask": honours_mask,
        "full_length": not honours_mask,
        "layers": 1,
        "width": width,
        "feature_hidden": 2 * width,
        "dropout": 0.0,
        "batch": 8,
        "steps": 6,
        "warm_up": 0.1,
        "evaluations": 2,
        "learning_rate": 1e-2,
        "weight_decay": 0.01,
        "train_size": 60,
        "seed": 0,
        "device": "cpu",
        "flops": {},
    }
    return Run(**{**values, **changes})
