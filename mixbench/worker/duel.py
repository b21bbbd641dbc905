"""One side of a duel: builds the mixers under test and times blocks of calls on request, in turns with the other side.

    PYTHON mixbench/worker/duel.py [FOLDER …]

It is run by its path, so that the same code measures both sides, whatever they are. It imports only torch and the files next
to it; modules in the FOLDERs come after all others. Requests and answers are JSON lines on standard input and output. The
answer to each request is what the method named by `do` returns, or `{"fault": reason}`. It ends when its input closes, and dies
with the guard that started it.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import sys
import traceback
from time import perf_counter, process_time  # as they are before a mixer's code is loaded
from types import ModuleType
from typing import Any

if __name__ == "__main__":
    # the package around this file under another name, and its folder not on the import path: its modules are not under test
    __package__ = "mixbench_side.worker"
    _here = os.path.dirname(os.path.abspath(__file__))
    for _name, _folder in ((__package__, _here), ("mixbench_side", os.path.dirname(_here))):
        sys.modules[_name] = ModuleType(_name)
        sys.modules[_name].__path__ = [_folder]
    sys.path[:] = dict.fromkeys([*(entry for entry in sys.path if entry != _here), *sys.argv[1:]])

import torch
from torch import Tensor, nn

from .calls import (
    Call,
    ContractError,
    build_mixer,
    cast,
    check_output,
    count_parameters,
    describe_failure,
    device_seconds,
    training_call,
)
from .imports import Imports
from .loading import load_class, source_file
from .measure.fingerprint import count_operators, sample_of
from .measure.planted import with_extra_work
from .measure.surroundings import Surroundings

Answer = dict[str, Any]

_MEASURING = (__package__ or "").partition(".")[0]
"""The package that measures, which is no part of a version."""
_STEADY = 0.10
_WINDOW = 0.010
_LONGEST_WARM_UP = 1.0
_CUDA_WARM_UP = 0.5
_MANY = 8  # calls in a block, from which one more costs little


class Side:
    """What one process measures: the calls that it has built, by number."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.calls: dict[int, tuple[Call, bool]] = {}
        self.checks: dict[int, Call] = {}
        self.imports: Imports | None = None
        self.surroundings: Surroundings | None = None

    def prepare(self, *, path: list[str], package: str, tree: dict[str, Any], core: int | None, device: str) -> Answer:
        """Before the first operation, set what must be equal on both sides.

        `path` comes first on the import path; `package` and `tree` are the arguments of `Imports`. Where torch does not
        see the device, the answer has `lacking_device`, in words.
        """
        self.imports = Imports(package, **tree)
        self.imports.install(path, sys.argv[1:])
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        _pin()
        self.surroundings = Surroundings()
        self.device = torch.device(device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            return {"lacking_device": f"device {device} is not available: this torch ({torch.__version__}) sees no GPU"}
        return {"torch": torch.__version__, "python": sys.version.split()[0]}

    def build(self, *, number: int, workload: dict[str, Any], extra: float) -> Answer:
        """Build a workload, check its output, and add extra work to its call: 5 % if `extra` is 0.05."""
        training = workload["mode"] == "training"
        torch.set_grad_enabled(training)
        torch.manual_seed(workload["seed"])
        dtype = getattr(torch, workload["dtype"])
        module = cast(_build(workload), device=self.device, dtype=dtype)
        _pin()
        torch.set_grad_enabled(training)
        module.train(training)
        batch, tokens, width = (int(workload[name]) for name in ("batch", "tokens", "width"))
        torch.manual_seed(workload["seed"])
        is_model = workload["scope"] == "model"
        shape: tuple[int, ...] = (batch, workload["classes"]) if is_model else (batch, tokens, width)
        x = torch.randint(workload["vocabulary"], (batch, tokens)) if is_model else torch.randn(shape).to(dtype)
        x = x.to(self.device)
        gradient = torch.randn(shape).to(device=self.device, dtype=dtype)

        def checked() -> Tensor:
            with torch.no_grad():
                y: Tensor = module(x)
            check_output(y, shape, dtype)
            return y

        y = checked()
        if training and x.is_floating_point():
            x.requires_grad_()
        call: Call = training_call(module, x, module, gradient) if training else lambda: module(x)
        self.calls[number] = (with_extra_work(call, extra, self.device) if extra else call), training
        self.checks[number] = checked
        return {
            "file": source_file(workload["target"]),
            "params": count_parameters(module),
            "operators": count_operators(call),
            "sample": sample_of(y),
        }

    def warm_up(self, *, number: int) -> Answer:
        """Call until two windows agree within 10 %; returns the seconds per call."""
        start, repeats, before = perf_counter(), 1, math.inf
        settling = _CUDA_WARM_UP if self.device.type == "cuda" else 0.0
        while True:
            block = self.block(number=number, repeats=repeats)
            latency, spent = block["wall"] / repeats, perf_counter() - start
            steady = abs(latency / before - 1) <= _STEADY and spent >= settling
            if block["wall"] >= _WINDOW and (steady or spent >= _LONGEST_WARM_UP + settling):
                return {"latency": latency}
            before = latency
            repeats = min(8 * repeats, max(1, math.ceil(1.25 * _WINDOW / max(latency, 1e-9))))

    def block(self, *, number: int, repeats: int) -> Answer:
        """Wall and CPU seconds of `repeats` calls, and on a GPU the device's seconds.

        A block of many calls is preceded by one that is not timed: it refills the caches after the other side's turn.
        """
        call, training = self.calls[number]
        torch.set_grad_enabled(training)
        if repeats >= _MANY:
            call()
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.cuda.synchronize(self.device)
        cpu = process_time()
        wall = perf_counter()
        for _ in range(repeats):
            call()
        host = perf_counter() - wall
        if on_gpu:
            torch.cuda.synchronize(self.device)
        wall = perf_counter() - wall
        cpu = process_time() - cpu
        measured = {"wall": wall, "cpu": cpu}
        # every call: some may have extra work
        return measured | {"device": device_seconds(self.device, call, repeats, host, every=True)} if on_gpu else measured

    def finish(self, *, number: int) -> Answer:
        """Check the output after all blocks, and discard the workload."""
        try:
            self.checks[number]()
        except ContractError as error:
            raise ContractError(f"after many calls, {error}") from error
        finally:
            self.discard(number=number)
        return {}

    def discard(self, *, number: int) -> Answer:
        """Keep nothing of a workload, however far it came."""
        self.calls.pop(number, None)
        self.checks.pop(number, None)
        return {}

    def changed(self) -> Answer:
        """What this process is no longer, as a mixer has changed it."""
        changes = self.surroundings.changes() if self.surroundings else ""
        return {"changed": changes} if changes else {}

    def modules(self, *, failed: bool) -> Answer:
        """Code that was used and is not this version's own, and what it asked for in vain; see `Imports.told`."""
        return dict(self.imports.told(_MEASURING, failed=failed)) if self.imports else {}


def _pin() -> None:
    """Set what must be equal on both sides, whatever the code of a mixer has set."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def _build(workload: dict[str, Any]) -> nn.Module:
    """The mixer of a workload, or the block or model around it as the version under test defines them."""
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


def main() -> None:
    """Answer requests until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    side = Side()
    own = os.getpid()
    print(json.dumps({}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        do, token = request.pop("do"), request.pop("token")
        try:
            answer = getattr(side, do)(**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"fault": describe_failure(error)}
        if os.getpid() != own:
            _end_copied(own)
        if do != "block" or "fault" in answer:
            answer |= side.modules(failed="fault" in answer) | side.changed()
        print(json.dumps(answer | {"token": token}), file=answers, flush=True)


def _end_copied(original: int) -> None:
    """In a copy that a mixer made with os.fork, and that came back: end both processes."""
    os.write(2, b"it called os.fork, and the child process returned, too\n")
    os.kill(original, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
