"""Optional modules of a launch server, with stand-ins for those that start threads or touch a GPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
from places import HELPERS
from running import search_path

from mixbench.execution import Finished, Launch, preloading
from mixbench.execution.slots import Slots

NOTED = "open(__file__ + '.imports', 'a').write('x')\n"
# the devices of this test are files beside the modules
DEVICES = """
import os, pathlib, re
from mixbench.execution import preloading
folder = pathlib.Path(__file__).parent
preloading._DEVICES = re.compile(preloading._DEVICES.pattern.replace("/dev", str(folder)))
for name in ("{}", "{}"):
    os.set_inheritable(os.open(folder / name, os.O_CREAT | os.O_RDWR), True)
"""
MODULES = {
    "harmless": "import os\nos.environ['SET_BY_HARMLESS'] = '1'\n",
    "with_thread": "import os, threading, time\nos.environ['SET_BY_THREAD'] = '1'\n"
    "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    "with_short_thread": "import threading\nthread = threading.Thread(target=print)\nthread.start()\nthread.join()\n",
    "with_nvml": DEVICES.format("nvidiactl", "nvidia0"),
    "with_gpu": DEVICES.format("nvidiactl", "nvidia-uvm"),
    "asking": "import os\nassert os.environ['PYTORCH_NVML_BASED_CUDA_CHECK'] == '1'\n",
    "faulty": "import threading\nraise RuntimeError('planted')\n",
    "leaving": "raise SystemExit(3)\n",
}


@pytest.fixture
def search(tmp_path: Path) -> dict[str, str]:
    """The environment of a server that finds the modules above."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(NOTED + source)
    return {"PYTHONPATH": search_path(HELPERS, tmp_path)}


def found(launch: Launch) -> set[str]:
    """Which of the modules above a job finds imported."""
    outcome = launch.run("launch_jobs:imported", {"names": list(MODULES)}, 10)
    assert isinstance(outcome, Finished)
    return set(outcome.result["imported"])


def times_imported(folder: Path, name: str) -> int:
    noted = folder / f"{name}.py.imports"
    return len(noted.read_text()) if noted.exists() else 0


def test_optional_modules_are_there_for_every_job(search: dict[str, str], tmp_path: Path) -> None:
    with Launch(["launch_jobs"], ["harmless", "with_short_thread"], environment=search) as launch:
        assert found(launch) == found(launch) == {"harmless", "with_short_thread"}
    assert times_imported(tmp_path, "harmless") == 1


def test_the_slots_import_them_too(search: dict[str, str]) -> None:
    with Slots(["launch_jobs"], [search, search], ["harmless"]) as slots:
        outcomes = [outcome for _, outcome in slots.run("launch_jobs:imported", [{"names": ["harmless"]}] * 2, 10)]
    assert outcomes == [Finished({"imported": ["harmless"]})] * 2


def test_what_only_asks_about_gpus_stays(search: dict[str, str]) -> None:
    with Launch(["launch_jobs"], ["with_nvml", "asking"], environment=search) as launch:
        assert found(launch) == {"with_nvml", "asking"}
        names = {"names": ["PYTORCH_NVML_BASED_CUDA_CHECK"]}
        assert launch.run("launch_jobs:variables", names, 10) == Finished(dict.fromkeys(names["names"]))


def test_what_cannot_be_imported_is_left_out(search: dict[str, str]) -> None:
    with Launch(["launch_jobs"], ["no_such_module", "faulty", "leaving", "harmless"], environment=search) as launch:
        assert found(launch) == {"harmless"}


@pytest.mark.parametrize("guilty", ["with_thread", "with_gpu"])
def test_a_server_that_could_no_longer_fork_starts_again_without_them(
    guilty: str, search: dict[str, str], tmp_path: Path
) -> None:
    with Launch(["launch_jobs"], ["harmless", guilty], environment=search) as launch:
        assert found(launch) == set()
        state = launch.run("launch_jobs:of_server", {}, 10)
        assert isinstance(state, Finished)
        assert state.result["threads"] == 1
        assert not [file for file in state.result["files"] if str(tmp_path) in file]
        names = {"names": ["SET_BY_HARMLESS", "PYTHONPATH"]}
        expected = Finished({"SET_BY_HARMLESS": None, "PYTHONPATH": search["PYTHONPATH"]})
        assert launch.run("launch_jobs:variables", names, 10) == expected
        # the board is still the one that the parent reads
        assert launch.run("launch_jobs:kill_itself", {"step": 3}, 10).step == 3  # type: ignore[union-attr]
    assert times_imported(tmp_path, guilty) == 1


def test_a_gpu_that_torch_uses_is_a_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used = chain([False], repeat(True))
    torch = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: next(used)))
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    (tmp_path / "quiet_module.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Restarted(Exception):  # noqa: N818  no error
        pass

    def start_again() -> None:
        raise Restarted

    with pytest.raises(Restarted):
        preloading.preload(["quiet_module"], start_again)  # type: ignore[arg-type]


DRIVER = """
static int started = 0;
int cuInit(unsigned flags) { started = 1; return 0; }
int cuDeviceGetCount(int *count) { return started ? 0 : 3; }
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no compiler")
def test_a_driver_that_is_started_is_a_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "driver.c").write_text(DRIVER)
    library = tmp_path / "libstandin.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "driver.c"], check=True)
    monkeypatch.setattr(preloading, "_CUDA", str(library))
    assert not preloading._driver_started()
    driver = ctypes.CDLL(str(library))
    assert not preloading._driver_started()
    driver.cuInit(0)
    assert preloading._driver_started()
