"""Data sets and users' files on their way to another machine, which here is another folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mixbench.execution import cargo
from mixbench.execution.cargo import Cargo, Packed, Unpacked, files_named, pack, relocated, unpack
from mixbench.parsing.sources import sources_of


def same(value: Any) -> Any:
    return value


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def packed(loaded: Cargo, remarks: list[str] | None = None) -> Packed:
    """As it arrives on a machine that has nothing under the paths of this one."""
    made = pack(loaded, same, (remarks if remarks is not None else []).append)
    data = {name: dataclasses.replace(folder, source="/nowhere") for name, folder in made.data.items()}
    return Packed(made.results, data, tuple(dataclasses.replace(code, source="/nowhere") for code in made.code))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set, and a cache for what arrives."""
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "form.json").write_text("{}")
    (tmp_path / "data" / "train.npy").write_bytes(bytes(range(256)))
    return tmp_path / "data"


@pytest.fixture
def mixer(tmp_path: Path) -> Path:
    """A user's mixer in a package, with a module and a file beside it, and things that stay at home."""
    files = {
        "mine/__init__.py": "",
        "mine/mixer.py": "from .helper import f\nclass Own: ...\n",
        "mine/helper.py": "f = 1\n",
        "mine/table.txt": "0.5",
        "mine/.git/config": "secret",
        "mine/results/speed.csv": "rows",
        "other.py": "unused",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path / "mine" / "mixer.py"


def test_data_travel_once_by_their_content_and_are_used_in_place_where_they_are(data: Path, tmp_path: Path) -> None:
    loaded = Cargo(tmp_path / "results", frozenset([str(data), str(tmp_path / "missing")]))
    there = unpack(packed(loaded), same).data
    assert [*there] == [str(data)]
    arrived = Path(there[str(data)])
    assert arrived.is_relative_to(tmp_path / "cache" / "elsewhere" / "data")
    assert {file.name: file.read_bytes() for file in arrived.iterdir()} == {
        file.name: file.read_bytes() for file in data.iterdir()
    }

    def refuse(value: Any) -> Any:
        raise AssertionError("it was there")

    assert unpack(packed(loaded), refuse).data == there
    assert unpack(pack(loaded, same, print), refuse).data == {str(data): str(data)}
    made = pack(loaded, same, print)
    (data / "form.json").write_text("[]")  # the machine has another data set there
    assert unpack(made, refuse).data == there
    assert unpack(packed(loaded), same).data != there


def test_a_single_file_travels_too(data: Path, tmp_path: Path) -> None:
    weights = data / "train.npy"
    there = unpack(packed(Cargo(tmp_path, frozenset([str(weights)]))), same).data[str(weights)]
    assert Path(there).read_bytes() == weights.read_bytes()


def test_a_users_mixer_travels_with_its_package_and_keeps_its_digest(data: Path, mixer: Path, tmp_path: Path) -> None:
    digest = sources_of(mixer).digest
    loaded = Cargo(mixer.parent / "results", code={digest: mixer})
    entry = Path(unpack(packed(loaded), same).code[digest])
    assert entry.parts[-2:] == ("mine", "mixer.py")
    assert sources_of(entry).digest == digest
    names = {path.relative_to(entry.parents[1]).as_posix() for path in entry.parents[1].rglob("*") if path.is_file()}
    assert names == {"mine/__init__.py", "mine/mixer.py", "mine/helper.py", "mine/table.txt"}
    assert unpack(pack(loaded, same, print), same).code == {digest: str(mixer)}
    (mixer.parent / "table.txt").write_text("0.7")  # the code is the same, what it reads is not
    assert unpack(packed(loaded), same).code[digest] != str(entry)


def test_of_a_large_folder_only_the_modules_travel(
    data: Path, mixer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cargo, "MOST_FILES", 3)
    digest, remarks = sources_of(mixer).digest, list[str]()
    entry = Path(unpack(packed(Cargo(tmp_path / "results", code={digest: mixer}), remarks), same).code[digest])
    assert sources_of(entry).digest == digest
    assert not (entry.parent / "table.txt").exists()
    (remark,) = remarks
    assert "mixer.py: only the modules that it loads reach other machines" in remark


def test_the_paths_of_a_job_are_those_of_the_machine_that_runs_it(tmp_path: Path) -> None:
    results = tmp_path / "results"
    there = Unpacked(str(results), {"/data/0f": "/there/0f"}, {})
    job = {
        "data": "/data/0f",
        "like": "/data/0f0f",
        "n": 3,
        "drawn": {"1": {"file": f"{results}/maps/a.npz", "name": "maps/a.npz"}},
    }
    moved = relocated(job, {**there.data, there.results: "/scratch"})
    assert moved == {
        "data": "/there/0f",
        "like": "/data/0f0f",
        "n": 3,
        "drawn": {"1": {"file": "/scratch/maps/a.npz", "name": "maps/a.npz"}},
    }
    assert files_named(job, results) == {}
    (results / "maps").mkdir(parents=True)
    (results / "maps" / "a.npz").write_bytes(b"map")
    assert files_named(job, results) == {"maps/a.npz": b"map"}
