"""One side of a duel: builds what is under test and times blocks of it on request, in lockstep with the other side.

    PYTHON mixbench/worker/duel.py

Run by path, so that both sides are measured by this one file whatever they are; it needs torch and nothing else. Requests
and answers are JSON lines on standard input and output, one answer per request: the object that the function named by
`do` returns, or `{"fault": reason}`. Ends when its input closes or its parent dies.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: the modules beside it are not those under test

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Call = Callable[[], object]
Answer = dict[str, Any]

_PR_SET_PDEATHSIG = 1
_STEADY = 0.10
_WINDOW = 0.010
_LONGEST_WARM_UP = 1.0
_CUDA_WARM_UP = 0.5
_MANY = 8  # calls in a block: one more costs little
_QUEUE = 16  # calls: few enough that their launches fit the driver's queue
_CYCLES_PER_SECOND = 2e9  # of a GPU, at most about
_SAMPLED = 64
_SHORT_CALL = 0.0004  # seconds: a block holds 20 of them


class ContractError(Exception):
    """A mixer does not do what a mixer must; the message says what."""


def load_class(target: str) -> Callable[..., nn.Module]:
    """The class behind `module:Class` or `path/to/file.py:Class`. Raises ContractError."""
    source, _, name = target.rpartition(":")
    try:
        module = _load_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    except Exception as error:
        raise ContractError(f"{source} does not import: {type(error).__name__}: {error}") from error
    loaded = getattr(module, name, None)
    if not (isinstance(loaded, type) and issubclass(loaded, nn.Module)):
        fault = "is not there" if loaded is None else "is not a torch.nn.Module class"
        raise ContractError(f"{source}: {name} {fault}")
    return loaded


def _load_file(path: Path) -> Any:
    name = f"mixbench_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look a class's module up
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


def _source_file(target: str) -> str:
    source = target.rpartition(":")[0]
    return str(Path(source if source.endswith(".py") else sys.modules[source].__file__ or "").resolve())


def build_mixer(mixer_class: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """The mixer of a class with its arguments. Raises ContractError."""
    try:
        return mixer_class(**arguments)
    except TypeError as error:
        raise ContractError(f"cannot be built with {', '.join(arguments)}: {error}") from error


def check_output(y: object, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Hold an output to its shape and dtype; every number must be finite. Raises ContractError."""
    if not isinstance(y, Tensor):
        raise ContractError(f"forward returned {type(y).__name__}, not a tensor")
    if tuple(y.shape) != shape:
        raise ContractError(f"forward returned the shape {tuple(y.shape)}, not {shape}")
    if y.dtype != dtype:
        raise ContractError(f"forward returned {y.dtype}, not {dtype}")
    if not bool(torch.isfinite(y).all()):
        raise ContractError("forward returned numbers that are not finite")


def training_call(forward: Callable[[Tensor], Tensor], x: Tensor, module: nn.Module, gradient: Tensor) -> Call:
    """Forward and backward: the gradients of ⟨output, gradient⟩ with respect to x and every parameter that requires one."""
    wanted = [tensor for tensor in (x, *module.parameters()) if tensor.requires_grad]

    def call() -> tuple[Tensor | None, ...]:
        # what a mixer without parameters and a model's token numbers leave over may be nothing to differentiate
        return torch.autograd.grad(forward(x), wanted, gradient, allow_unused=True) if wanted else (forward(x),)

    return call


def seconds_between_events(device: torch.device, call: Call, repeats: int, *, wait: float = 0.0) -> float:
    """Seconds that so many calls take on a GPU, which first waits for about `wait` seconds so that they queue up."""
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    with torch.cuda.device(device):
        if wait:
            torch.cuda._sleep(int(wait * _CYCLES_PER_SECOND))
        first.record()
        for _ in range(repeats):
            call()
        last.record()
        last.synchronize()
    return float(first.elapsed_time(last)) / 1e3


def device_seconds(device: torch.device, call: Call, repeats: int, host: float) -> float:
    """Seconds of `repeats` calls on a GPU that never waits for the host, which needs `host` seconds to launch them."""
    queued = min(repeats, _QUEUE)
    return seconds_between_events(device, call, queued, wait=1.5 * host * queued / repeats) * repeats / queued


class Calibration(nn.Module):
    """A fixed workload, the same in every version: what times of different processes can be held against."""

    def forward(self, x: Tensor) -> Tensor:
        """Any (size, size) to the same shape."""
        return torch.softmax(nn.functional.gelu(x @ x) @ x, dim=-1)


class _Operators(TorchDispatchMode):
    """Counts operators that compute; views are not counted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


class Side:
    """What one process measures: the calls that were built, by number."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.calls: dict[int, tuple[Call, bool]] = {}

    def prepare(self, *, path: list[str], core: int | None, device: str) -> Answer:
        """Set what must be equal on both sides, before the first operation. `path` goes before all other modules."""
        sys.path[:0] = path
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        self.device = torch.device(device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            return {"fault": f"device {device} is not available: this torch ({torch.__version__}) sees no GPU"}
        return {"torch": torch.__version__, "python": sys.version.split()[0]}

    def build(self, *, number: int, workload: dict[str, Any], extra: float) -> Answer:
        """Build a workload, check its output, and plant `extra` (0.05: 5 % more work) into its call."""
        training = workload["mode"] == "training"
        torch.set_grad_enabled(training)
        torch.manual_seed(workload["seed"])
        dtype = getattr(torch, workload["dtype"])
        module = _build(workload).to(device=self.device, dtype=dtype)
        module.train(training)
        batch, tokens, width = (int(workload[name]) for name in ("batch", "tokens", "width"))
        torch.manual_seed(workload["seed"])
        of_model = workload["scope"] == "model"
        shape: tuple[int, ...] = (batch, workload["classes"]) if of_model else (batch, tokens, width)
        x = torch.randint(workload["vocabulary"], (batch, tokens)) if of_model else torch.randn(shape).to(dtype)
        x = x.to(self.device)
        gradient = torch.randn(shape).to(device=self.device, dtype=dtype)
        with torch.no_grad():
            y = module(x)
        check_output(y, shape, dtype)
        if training and x.is_floating_point():
            x.requires_grad_()
        call: Call = training_call(module, x, module, gradient) if training else lambda: module(x)
        with _Operators() as operators:
            call()
        self.calls[number] = (_with_extra_work(call, extra, self.device) if extra else call), training
        step = max(1, y.numel() // _SAMPLED)
        return {
            "file": _source_file(workload["target"]),
            "params": sum(parameter.numel() for parameter in module.parameters()),
            "operators": operators.count,
            "sample": y.flatten()[::step].float().tolist(),
        }

    def warm_up(self, *, number: int) -> Answer:
        """Call until two windows agree within 10 %; seconds per call."""
        start, repeats, before = time.perf_counter(), 1, math.inf
        settling = _CUDA_WARM_UP if self.device.type == "cuda" else 0.0
        while True:
            block = self.block(number=number, repeats=repeats)
            latency, spent = block["wall"] / repeats, time.perf_counter() - start
            steady = abs(latency / before - 1) <= _STEADY and spent >= settling
            if block["wall"] >= _WINDOW and (steady or spent >= _LONGEST_WARM_UP + settling):
                return {"latency": latency}
            before = latency
            repeats = min(8 * repeats, max(1, math.ceil(1.25 * _WINDOW / max(latency, 1e-9))))

    def block(self, *, number: int, repeats: int) -> Answer:
        """Wall and CPU seconds of `repeats` calls, on a GPU the device's seconds besides.

        One call goes before a block of many, untimed: it finds the caches full of what the other side left.
        """
        call, training = self.calls[number]
        torch.set_grad_enabled(training)
        if repeats >= _MANY:
            call()
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.cuda.synchronize(self.device)
        cpu = time.process_time()
        wall = time.perf_counter()
        for _ in range(repeats):
            call()
        host = time.perf_counter() - wall
        if on_gpu:
            torch.cuda.synchronize(self.device)
        wall = time.perf_counter() - wall
        cpu = time.process_time() - cpu
        measured = {"wall": wall, "cpu": cpu}
        return (
            measured | {"device": seconds_between_events(self.device, call, repeats, wait=1.5 * host)} if on_gpu else measured
        )

    def drop(self, *, number: int) -> Answer:
        """Forget a workload."""
        self.calls.pop(number, None)
        return {}


def _build(workload: dict[str, Any]) -> nn.Module:
    """The mixer of a workload; for the scopes block and model within those of the version under test."""

    mixer_class = load_class(workload["target"])

    def mixer() -> nn.Module:
        return build_mixer(mixer_class, workload["arguments"])

    if workload["scope"] == "mixer":
        return mixer()
    model = importlib.import_module("mixbench.model")
    shared = {name: workload[name] for name in ("width", "feature_hidden", "honours_mask")}
    if workload["scope"] == "block":
        block: nn.Module = model.Block(mixer(), **shared)
        return block
    shared |= {name: workload[name] for name in ("tokens", "layers", "vocabulary", "classes")}
    whole: nn.Module = model.classifier(mixer, **shared)
    return whole


def _with_extra_work(call: Call, share: float, device: torch.device) -> Call:
    """The call with real work behind it that takes `share` of its time: a regression of known size.

    Behind a short call it is every so often the call once more, behind a long one so many small matrix products.
    """
    a = torch.randn(64, 64, device=device)

    def product() -> Tensor:
        return a @ a

    # in turns, so that both see the same clock
    times = [(_seconds(call, device), _seconds(product, device)) for _ in range(7)]
    own, small = (median(side) for side in zip(*times, strict=True))
    unit, each = (product, small / own) if own > _SHORT_CALL else (call, 1.0)
    owed = 0.0

    def more() -> object:
        nonlocal owed
        result = call()
        owed += share / each
        while owed >= 1:
            unit()
            owed -= 1
        return result

    return more


def _seconds(call: Call, device: torch.device) -> float:
    """Seconds per call over a window, of the CPU or on a GPU of the wall."""
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    call()
    repeats, start = 0, clock()
    while True:
        call()
        repeats += 1
        if on_gpu:
            torch.cuda.synchronize(device)
        if (spent := clock() - start) >= _WINDOW:
            return spent / repeats


def main() -> None:
    """Answer requests until standard input closes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    side = Side()
    print(json.dumps({}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(side, request.pop("do"))(**request)
        except Exception as error:
            traceback.print_exc()
            kind = "" if isinstance(error, ContractError) else f"{type(error).__name__}: "
            answer = {"fault": " ".join(f"{kind}{error}".split())[:500]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
