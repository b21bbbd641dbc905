"""Mixers that harm whatever measures them, as a table: the file of each is written by `write`, and holds a class `Mine`.

Each has code that runs at import, when it is built or in forward; everything else is that of a plain, right mixer.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from running import Completed, run_python

_FILE = """
import contextlib, ctypes, gc, json, os, random, resource, signal, statistics, subprocess, sys, threading, time
import torch
from torch import nn

MARK = {mark!r}

def loop():
    while True:
        time.sleep(0.001)  # it says nothing, which is what is seen of it; the tests beside it need the core

def stay(session=True):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MARK], start_new_session=session)

def daemon():
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", MARK], {{}})

def scribble():
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, b'{{"event": "finished", "result": {{}}}}\\n')

def broken(*values, **named):
    raise RuntimeError("broken")

{on_import}

class Mine(nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.calls = 0
        {on_build}

    def forward(self, x):
        self.calls += 1
        {on_forward}
        return self.linear(x)

{on_class}
"""


Row = dict[str, str]


@dataclass(frozen=True)
class Hostile:
    """Where the code runs, and the status and detail that its rows must have; `ok` may have a remark."""

    on_import: str = ""
    on_build: str = ""
    on_forward: str = ""
    on_class: str = ""
    status: str = "error"
    detail: str = ""

    def fits(self, rows: Iterable[Row]) -> bool:
        """Whether these are the rows of this mixer."""
        found = [(row["status"], self.detail in row["detail"]) for row in rows]
        return bool(found) and set(found) == {(self.status, True)}

    def write(self, file: Path, mark: str) -> None:
        """Write the mixer; the processes that it leaves have `mark` in their command line."""
        code = {"on_import": self.on_import, "on_class": self.on_class}
        code |= {name: getattr(self, name) or "pass" for name in ("on_build", "on_forward")}
        file.write_text(_FILE.format(mark=mark, **code))


_SILENT = "no progress for"
_COPIED = "it called os.fork, and the child process returned, too"
_SERVER = "the parent of the measuring process was ended, by SIGKILL"
_ALONE = "measured alone, because it changes what other mixers share: "

HOSTILE = {
    # without end
    "loops at import": Hostile(on_import="loop()", status="timeout", detail=_SILENT),
    "loops when built": Hostile(on_build="loop()", status="timeout", detail=_SILENT),
    "loops in forward": Hostile(on_forward="loop()", status="timeout", detail=_SILENT),
    "loops without descriptors": Hostile(on_forward="os.closerange(0, 4096); loop()", status="timeout", detail=_SILENT),
    "loops deaf": Hostile(
        on_build="signal.signal(15, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); loop()",
        status="timeout",
        detail=_SILENT,
    ),
    "loops after some calls": Hostile(on_forward="self.calls < 30 or loop()", status="timeout", detail=_SILENT),
    "stops itself": Hostile(on_forward="os.kill(os.getpid(), signal.SIGSTOP)", status="timeout", detail=_SILENT),
    "prints without end": Hostile(on_forward="while True: os.write(1, b'y' * 65536)", status="timeout", detail=_SILENT),
    # ends processes
    "kills itself": Hostile(on_forward="os.kill(os.getpid(), 9)", status="killed", detail="killed by SIGKILL"),
    "crashes": Hostile(on_forward="ctypes.string_at(0)", status="killed", detail="killed by SIGSEGV"),
    "aborts at import": Hostile(on_import="os.abort()", status="killed", detail="killed by SIGABRT"),
    "kills its parent": Hostile(on_build="os.kill(os.getppid(), 9); loop()", status="killed", detail=_SERVER),
    "kills its parent at import": Hostile(on_import="os.kill(os.getppid(), 9); loop()", status="killed", detail=_SERVER),
    "kills its group": Hostile(on_forward="os.killpg(0, 9)", status="killed", detail="killed by SIGKILL"),
    "exits": Hostile(on_forward="os._exit(0)", detail="exited with code 0"),
    "exits politely": Hostile(on_forward="sys.exit('bye')", detail="SystemExit: bye"),
    "interrupts": Hostile(on_forward="raise KeyboardInterrupt", detail="KeyboardInterrupt"),
    "stops a generator": Hostile(on_build="raise GeneratorExit", detail="GeneratorExit"),
    "limits its CPU time": Hostile(
        on_build="resource.setrlimit(resource.RLIMIT_CPU, (0, 1))", on_forward="loop()", status="killed", detail="killed by SIG"
    ),
    # copies itself and starts others
    "forks in forward": Hostile(on_forward="os.fork()", detail=_COPIED),
    "forks when built": Hostile(on_build="os.fork()", detail=_COPIED),
    "forks at import": Hostile(on_import="os.fork()", detail=_COPIED),
    "goes on in a copy": Hostile(on_forward="os.fork() and os._exit(0)", detail=_COPIED),
    "leaves a daemon": Hostile(on_build="daemon()", status="ok", detail=f"{_ALONE}running processes"),
    "leaves daemons at import": Hostile(on_import="daemon(); daemon()", status="ok", detail=f"{_ALONE}running processes"),
    "leaves a child": Hostile(on_build="stay(session=False)", status="ok", detail=f"{_ALONE}running processes"),
    "starts a thread": Hostile(
        on_build="threading.Thread(target=loop, daemon=True).start()", status="ok", detail=f"{_ALONE}working threads"
    ),
    # the way of the answer
    "writes to all descriptors": Hostile(on_forward="scribble()", status="ok"),
    "closes all descriptors": Hostile(on_forward="os.closerange(0, 4096)", detail="closed the pipe for its answer"),
    "prints much": Hostile(on_forward="self.calls == 1 and print('x' * 100_000_000)", status="ok"),
    "raises what cannot be shown": Hostile(
        on_import="class Unspeakable(Exception):\n    __str__ = broken", on_forward="raise Unspeakable", detail="RuntimeError"
    ),
    "counts beyond all numbers": Hostile(
        on_class="Mine.flops = lambda self, batch, tokens: 10**400", status="ok", detail="flops"
    ),
    # what mixers share
    "forbids files": Hostile(
        on_build="resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
        status="ok",
        detail=f"{_ALONE}limits of the process",
    ),
    "goes elsewhere": Hostile(
        on_import="import tempfile; os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
        status="ok",
        detail=f"{_ALONE}the working directory",
    ),
    "patches the clock": Hostile(
        on_import="time.perf_counter = time.monotonic = time.process_time = time.time = lambda: 0.0; time.sleep = broken",
        status="ok",
        detail=f"{_ALONE}time.",
    ),
    "patches the library": Hostile(
        on_import="json.dumps = json.loads = statistics.median = random.seed = random.Random = broken; sys.modules.pop('json')",
        status="ok",
        detail=f"{_ALONE}json.",
    ),
    "patches builtins": Hostile(
        on_import="import builtins; builtins.input = builtins.print = broken", status="ok", detail=f"{_ALONE}builtins."
    ),
    "patches torch": Hostile(
        on_build="torch.matmul = torch.softmax = broken; torch.nn.functional.gelu = broken; torch.Tensor.__matmul__ = broken",
        status="ok",
        detail=f"{_ALONE}torch.",
    ),
    "sets the default dtype": Hostile(
        on_build="torch.set_default_dtype(torch.float64)", status="ok", detail=f"{_ALONE}the default dtype"
    ),
    "sets the default device": Hostile(on_forward="torch.set_default_device('meta')", detail="meta tensor"),
    "detects anomalies": Hostile(
        on_import="torch.autograd.set_detect_anomaly(True)", status="ok", detail=f"{_ALONE}anomaly detection"
    ),
    "is deterministic": Hostile(
        on_import="torch.use_deterministic_algorithms(True)", status="ok", detail=f"{_ALONE}deterministic algorithms"
    ),
    "sets threads and flags": Hostile(
        on_import="torch.set_num_threads(1 + torch.get_num_threads()); torch.set_grad_enabled(True)",
        on_build="torch.set_float32_matmul_precision('high'); torch.set_flush_denormal(False)",
        status="ok",
        detail="which was reset",
    ),
    "hooks all modules": Hostile(
        on_import="nn.modules.module.register_module_forward_hook(lambda module, x, y: y)",
        status="ok",
        detail=f"{_ALONE}hooks of all modules",
    ),
    "sets an alarm": Hostile(on_build="signal.setitimer(signal.ITIMER_REAL, 0.1)", status="killed", detail="SIGALRM"),
    "stops the collector": Hostile(on_import="gc.disable()", status="ok", detail=f"{_ALONE}the garbage collector"),
}

GOOD = ("attention", "none")


def measure(names: Iterable[str], folder: Path, mark: str, timeout: float) -> tuple[Completed, dict[str, list[Row]]]:
    """Measure these mixers together with good ones; returns how the command ended, and the rows by name."""
    files = {name: folder / f"mixer_{number}.py" for number, name in enumerate(names)}
    for name, file in files.items():
        HOSTILE[name].write(file, mark)
    mixers = [*GOOD, *(f"{file.name}:Mine" for file in files.values())]
    given = [word for mixer in mixers for word in ("--mixer", mixer)]
    small = ["--tokens", "16", "--width", "16", "--launches", "1", "--budget", "0.2", "--results", "results"]
    done = run_python("-m", "mixbench", "speed", *given, *small, "--timeout", timeout, folder=folder, timeout=1800)
    with (folder / "results" / "speed.csv").open() as table:
        rows = list(csv.DictReader(table))
    named = dict(zip((*GOOD, *files), mixers, strict=True))
    return done, {name: [row for row in rows if row["mixer"] == mixer] for name, mixer in named.items()}
