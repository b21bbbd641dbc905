"""Commands that measure or train what the cost of a task lacks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mixbench.tasks import TASKS
from mixbench.verdicts.labels import MixerKey, mixer_string

Words = Sequence[str]
TRAINED_WITH = ("batch", "steps")
"""Settings of a training run that are options of every training command."""


def speed_command(mixers: Sequence[MixerKey], tokens: int, width: int, device: str, chosen: Mapping[str, Any]) -> str:
    """The command that measures the cost per example; `chosen` are options that the user gave."""
    options = {"tokens": tokens, "width": width, "scope": "block", "mode": "training", "device": device}
    return _line("speed", mixers, {**options, **chosen} | ({} if device != "cpu" or "device" in chosen else {"device": None}))


def training_command(
    study: str, mixers: Sequence[MixerKey], task: str, sizes: Mapping[str, Any], settings: Mapping[str, Any]
) -> str:
    """The command that trains the runs of a study, `data-efficiency` or `tune`, with the batch and steps of `settings`."""
    trained = {name: settings[name] for name in TRAINED_WITH if name in settings}
    return _line(study, mixers, {"task": _task(task, settings.get("task", {})), **sizes, **trained}, _files(task))


def _line(study: str, mixers: Sequence[MixerKey], options: Mapping[str, Any], after: Words = ()) -> str:
    every = [("mixer", mixer_string(mixer)) for mixer in mixers] + list(options.items())
    words = [word for name, value in every if value is not None for word in (f"--{name.replace('_', '-')}", str(value))]
    return " ".join([shlex.join(["mixbench", study, *words]), *after])


def _task(name: str, settings: Mapping[str, Any]) -> str:
    if name not in TASKS:
        return name.partition(":")[0] if name.startswith("text:") else name
    defaults = {option.name: option.default for option in TASKS[name].options}
    differing = [f"{key}={value}" for key, value in settings.get("options", {}).items() if defaults.get(key) != value]
    return f"{name}:{','.join(differing)}" if differing else name


def _files(task: str) -> Words:
    """Rows name the content of the files of a text task, not their paths."""
    return ["--train … --test … --text … --label …"] if task.startswith("text:") else []
