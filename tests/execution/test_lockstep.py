"""Two real worker processes in turns: what they measure, and what becomes of the others when one dies or hangs."""

from __future__ import annotations

import math
import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from killing import kill_when
from places import SAMPLES

from mixbench.errors import RequestError, WorkerError
from mixbench.execution import lockstep
from mixbench.execution.lockstep import Contest, Fault, Timed, run_pair
from mixbench.execution.version import Tree, Version

HERE = Version("this installation", sys.executable)


LATER = """
import gc, time


class Immediate(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()

    def forward(self, x):
        return x


class Slow(Immediate):
    def forward(self, x):
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return x

class Fading(Product):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * (float("nan") if self.calls > 20 else 1)


class Tiring(Product):
    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 20:
            raise ValueError("enough")
        return super().forward(x)


class Alone(Product):
    def __init__(self, width, tokens):
        super().__init__(width, tokens)
        others = [one for one in gc.get_objects() if isinstance(one, (Product, Flat))]
        if len(others) > 1:
            raise ValueError(f"kept {others}")
"""


class Falling(random.Random):
    """Contests are measured in falling order of their numbers."""

    def sample(self, population, k, *, counts=None):
        return sorted(population)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(f'{SAMPLES.read_text()}{LATER}\nprint("what a module prints must not reach the protocol")\n')
    return path


def in_tree(root: Path, origin: Path) -> Version:
    root.mkdir(exist_ok=True)
    return Version("tree", sys.executable, (str(root),), (), root, Tree(root, (origin,), (origin,)))


def workload(file: Path, name: str, **changes: Any) -> dict[str, Any]:
    arguments = {"width": 128, "tokens": 128}
    sound = {**arguments, "scope": "mixer", "mode": "inference", "batch": 1, "dtype": "float32", "seed": 0}
    return sound | {"target": f"{file}:{name}", "arguments": arguments} | changes


def contest(file: Path, base: str, head: str, **changes: Any) -> Contest:
    return Contest((workload(file, base, **changes), workload(file, head, **changes)))


def run(
    contests: dict[int, Contest],
    versions: tuple[Version, Version] = (HERE, HERE),
    timeout: float = 60.0,
    order: random.Random | None = None,
) -> dict[int, Any]:
    return run_pair(versions, contests, device="cpu", timeout=timeout, order=order or random.Random(0))


@pytest.mark.slow
def test_both_sides_are_built_checked_timed_in_turns_and_discarded(file):
    planted = Contest((workload(file, "Product"), workload(file, "Product")), extra=(0.0, 3.0))
    seen = run(
        {
            0: contest(file, "Alone", "Alone"),
            1: contest(file, "Product", "Twice"),
            2: contest(file, "Product", "Product", mode="training"),
            3: planted,
            4: contest(file, "Fading", "Product"),
            5: contest(file, "Product", "Tiring"),
            6: contest(file, "Product", "Flat"),
            7: contest(file, "Immediate", "Slow"),
            8: contest(file, "Slow", "Immediate"),
        },
        timeout=30,
        order=Falling(0),
    )
    assert all(isinstance(seen[number], Timed) for number in (0, 1, 2, 3)), seen
    assert seen[4] == Fault((True, False), "after many calls, forward returned numbers that are not finite")
    assert seen[5] == Fault((False, True), "ValueError: enough")
    assert seen[1].log_ratio > 0.2
    assert seen[3].log_ratio > 0.5
    assert abs(seen[2].log_ratio) < 0.5
    base, head = seen[1].built
    assert base["operators"] < head["operators"]
    assert base["params"] == head["params"] == 128 * 128
    assert base["sample"] == pytest.approx(head["sample"])
    assert base["file"] == str(file)
    assert min(seen[1].seconds) > 0
    for far, sign in ((seen[7], 1), (seen[8], -1)):
        slow, fast = max(far.seconds), min(far.seconds)
        assert slow > 0.02 > 1000 * fast
        assert far.log_ratio == pytest.approx(sign * math.log(slow / fast), abs=0.5)
        assert far.wall_log_ratio == pytest.approx(far.log_ratio, rel=0.3)  # other work makes wall time longer


@pytest.mark.slow
def test_a_contest_that_kills_or_hangs_a_process_leaves_the_others_to_a_new_pair(file):
    seen = run(
        {number: contest(file, "Product", name) for number, name in enumerate(("Exiting", "Product", "Hanging", "Flat"))},
        timeout=6,
    )
    assert isinstance(seen[1], Timed)
    assert {number: outcome.sides for number, outcome in seen.items() if isinstance(outcome, Fault)} == {
        0: (False, True),
        2: (False, True),
        3: (False, True),
    }
    assert "exit code 3" in seen[0].detail
    assert seen[2].detail == "no answer for 6 s"
    assert "the shape ()" in seen[3].detail


LAZY = """
import sys
import torch

class Lazy(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 4:
            sys.path.append({folder!r})
            import late_helper
        return x * 2
"""


@pytest.mark.slow
def test_a_module_that_is_imported_late_from_the_repository_ends_the_duel(tmp_path):
    tree, user = tmp_path / "tree", tmp_path / "user"
    version = in_tree(tree, user)
    user.mkdir()
    (user / "late_helper.py").write_text("")
    (tree / "mine.py").write_text(LAZY.format(folder=str(user)))
    with pytest.raises(RequestError) as raised:
        run({0: contest(tree / "mine.py", "Lazy", "Lazy")}, (version, version))
    assert (
        str(raised.value) == f"tree needs modules found only in your working tree: late_helper from {user / 'late_helper.py'}"
    )


@pytest.mark.slow
def test_the_sources_of_a_version_go_before_those_that_are_installed(tmp_path):
    package = tmp_path / "mixbench" / "mixers"
    package.mkdir(parents=True)
    (package / "none.py").write_text("class NoMixing:\n    pass\n")
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    version = in_tree(tmp_path, tmp_path / "user")
    none = {"target": "mixbench.mixers.none:NoMixing"}
    seen = run({0: contest(tmp_path, "", "", **none)}, (HERE, version))
    assert seen[0].sides == (False, True)
    assert "NoMixing is not a torch.nn.Module class" in seen[0].detail


def test_a_version_uses_modules_in_the_folders_that_come_last(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helper_of_mine.py").write_text("")
    mixer = f"{SAMPLES.read_text()}\nimport importlib\nimportlib.import_module('helper_of_mine')\n"
    (tmp_path / "mine.py").write_text(mixer)
    found = Version("with helper", sys.executable, last=(str(tmp_path / "lib"),))
    seen = run({0: contest(tmp_path / "mine.py", "Product", "Product")}, (found, HERE))
    assert seen[0].sides == (False, True)
    assert "No module named 'helper_of_mine'" in seen[0].detail


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (Version("env", "/bin/true"), "the process ended (exit code 0)"),
        (Version("env", "/nowhere/python"), "/nowhere/python: No such file or directory"),
        (Version("env", sys.executable, folder=Path("/nowhere")), "/nowhere: No such file or directory"),
    ],
    ids=["no-interpreter", "missing", "no-folder"],
)
def test_a_version_that_cannot_be_measured_is_an_error_with_its_cause(version, reason, file):
    with pytest.raises(WorkerError, match=f"env cannot be measured: .*{re.escape(reason)}"):
        run({0: contest(file, "Product", "Product")}, (HERE, version))


def test_a_process_that_cannot_be_prepared_is_no_matter_of_the_device(file, monkeypatch):
    monkeypatch.setattr("mixbench.execution.lockstep._idlest_core", lambda: 10**6)
    with pytest.raises(WorkerError, match=r"cannot be measured: OSError: .*Invalid argument") as caught:
        run({0: contest(file, "Product", "Product")})
    assert caught.value.hint == ""


@pytest.mark.parametrize(
    ("busy", "usable", "chosen"),
    [
        ([90, 0, 50, 50], {0, 1, 2, 3}, {1, 3}),  # 0 and 2 are threads of one core, as are 1 and 3
        ([0, 4, 0, 0], {0, 1, 2, 3}, {0, 1, 2, 3}),
        ([0, 0, 0, 99], {0, 1, 2, 3}, {0, 2}),
        ([0, 0, 0, 99], {1, 3, 7}, {1, 3}),
        ([0, 0, 0, 0], None, {None}),
    ],
)
def test_duels_take_the_idlest_cores_and_not_all_the_same(busy, usable, chosen, monkeypatch):
    monkeypatch.setattr(lockstep.psutil, "cpu_percent", lambda **settings: busy)
    monkeypatch.setattr(lockstep, "affinity", lambda: usable)
    monkeypatch.setattr(lockstep, "core_of", lambda cpu: str(cpu % 2))
    assert {lockstep._idlest_core() for _ in range(100)} == chosen


def test_a_device_that_is_not_there_is_a_wrong_request(file, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(RequestError, match="device cuda is not available") as caught:
        run_pair((HERE, HERE), {0: contest(file, "Product", "Product")}, device="cuda", timeout=60, order=random.Random(0))
    assert caught.value.hint == "Measure on the CPU: --device cpu."


@pytest.mark.slow
def test_a_mixer_that_changes_its_process_comes_back_twice_or_scribbles_harms_no_other_contest(file):
    names = ("Disturbing", "Product", "Forking", "Scribbling")
    seen = run({number: contest(file, name, name) for number, name in enumerate(names)})
    faults = {names[number]: outcome.detail for number, outcome in seen.items() if isinstance(outcome, Fault)}
    assert faults.keys() == {"Forking", "Scribbling"}
    assert "it called os.fork, and the child process returned, too" in faults["Forking"]
    assert faults["Scribbling"] == "other output was mixed into its answers"
    assert isinstance(seen[1], Timed)


@pytest.mark.slow
def test_both_processes_die_with_the_parent_however_it_dies(file, tmp_path):
    code = f"""
import random, sys
from mixbench.execution.lockstep import Contest, run_pair
from mixbench.execution.version import Version
hanging = {workload(file, "Hanging")!r}
here = Version("here", sys.executable)
run_pair((here, here), {{0: Contest((hanging, hanging))}}, device="cpu", timeout=600, order=random.Random(0))
"""
    kill_when(lambda children: len(children) == 4, "-c", code, folder=tmp_path)
