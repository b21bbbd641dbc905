"""What the mixers of a group share in their process: a mixer that changes it for the others is measured alone."""

from __future__ import annotations

import builtins
import gc
import json
import os
import random
import resource
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import nn
from torch._library import custom_ops
from torch.nn.modules import module as hooks

_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_WATCHED = (builtins, os, json, random, statistics, threading, time, torch, torch.Tensor, nn, nn.Module, nn.functional)
_TORCH = os.path.dirname(torch.__file__)
_SECONDS_OF_WORK = 0.005
_OWN = f"{__name__.partition('.')[0]}."
_getcwd, _waitid, _getitimer, _getrlimit = os.getcwd, os.waitid, signal.getitimer, resource.getrlimit

Settings = dict[str, Callable[[], Any]]


def _has_children() -> bool:
    try:
        _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _working_threads() -> int:
    """Threads of Python besides the main one that have used some CPU time, unlike one that only waits."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and thread.ident]
    return sum(time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0)) > _SECONDS_OF_WORK for thread in others)


def _flushes_denormals() -> bool:
    return bool((torch.full((), 1e-40, device="cpu", dtype=torch.float32) * 1.0 == 0).item())


PINNED: Settings = {
    "the number of threads": torch.get_num_threads,
    "whether gradients are computed": torch.is_grad_enabled,
    "whether denormals are flushed": _flushes_denormals,
    "float32_matmul_precision": torch.get_float32_matmul_precision,
    "cudnn.allow_tf32": lambda: torch.backends.cudnn.allow_tf32,
    "cudnn.benchmark": lambda: torch.backends.cudnn.benchmark,
}
"""Settings that `mixbench.worker.speed.pin` makes."""

OTHERS: Settings = {
    "the default dtype": torch.get_default_dtype,
    "the default device": lambda: torch.get_default_device(),  # not in every torch
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "anomaly detection": torch.is_anomaly_enabled,
    "autocast": lambda: [torch.is_autocast_enabled(device) for device in ("cpu", "cuda")],
    "inference mode": torch.is_inference_mode_enabled,
    "mkldnn": lambda: torch.backends.mkldnn.enabled,
    "cudnn": lambda: [torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic],
    "the kernels of attention": lambda: [
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
    ],
    "hooks of all modules": lambda: [
        len(registered)
        for registered in (hooks._global_forward_pre_hooks, hooks._global_forward_hooks, hooks._global_backward_hooks)
    ],
    "the garbage collector": lambda: [gc.isenabled(), gc.get_threshold()],
    "tracing": lambda: [sys.gettrace(), sys.getprofile()],
    "the working directory": _getcwd,
    "limits of the process": lambda: [_getrlimit(limit) for limit in _LIMITS],
    "the cores of the process": lambda: os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
    "the priority": lambda: os.getpriority(os.PRIO_PROCESS, 0),
    "timers": lambda: [any(_getitimer(timer)) for timer in _TIMERS],
    "working threads": _working_threads,
    "running processes": _has_children,
}


class Surroundings:
    """Remembers the settings and functions as they are when it is made."""

    def __init__(self) -> None:
        self._settings = {name: _read(setting) for name, setting in (PINNED | OTHERS).items()}
        own = [module for name, module in list(sys.modules.items()) if name.startswith(_OWN)]
        self._functions = [(owner, _members(owner)) for owner in (*_WATCHED, *own)]
        self._operators = dict(custom_ops.OPDEFS)

    def changed(self, settings: Settings) -> list[str]:
        """The names of settings that have changed."""
        return [name for name, setting in settings.items() if _read(setting) != self._settings[name]]

    def replaced(self) -> list[str]:
        """Functions and classes of torch, of the standard library and of mixbench that are no longer what they were."""
        return [
            f"{getattr(owner, '__name__', owner)}.{name}"
            for owner, before in self._functions
            for now in (_members(owner),)
            for name, value in before.items()
            if callable(value) and now.get(name) is not value and not _is_from_torch(now.get(name))
        ]

    def changes(self, *, at_the_end: bool = False) -> str:
        """What has changed, in words, or "". Pinned settings, which can be set again, count only at the end."""
        settings = self.changed(PINNED | OTHERS if at_the_end else OTHERS)
        return ", ".join([*settings, *self.replaced(), *self._replaced_operators()])

    def _replaced_operators(self) -> list[str]:
        """Operators that were known at the last call and have been registered again: whoever had them runs others now."""
        before, self._operators = self._operators, dict(custom_ops.OPDEFS)
        return [f"the operator {name}" for name, own in before.items() if self._operators.get(name, own) is not own]


def _members(owner: object) -> dict[str, Any]:
    """What a module holds, or a class and those that it inherits from."""
    levels = reversed(owner.__mro__) if isinstance(owner, type) else [owner]
    return {name: value for level in levels for name, value in vars(level).items()}


def _read(setting: Callable[[], Any]) -> Any:
    try:
        return setting()
    except Exception as error:  # a mixer has replaced what is needed for it, or this torch lacks it
        return type(error)


def _is_from_torch(value: object) -> bool:
    """Whether torch itself has put its own function in the place of another, as it does when its compiler is imported."""
    return isinstance(value, FunctionType) and value.__code__.co_filename.startswith(_TORCH)
