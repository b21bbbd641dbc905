"""Damage to results folders and histories as crashes, editors, hands and hostile programs do it, drawn by hypothesis."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from folders import fill_folder
from histories import history
from hypothesis import strategies as st
from synthetic import speed_rows
from synthetic_maps import map_rows, write_maps
from synthetic_training import training_rows, trial_rows

from mixbench.tables.history import write_entry

Files = dict[str, bytes]
Damage = Callable[[Files], None]

HOSTILE_TEXTS = (
    *("", " ", "0", "-1", "1e400", "nan", "inf", "-0", "9" * 30, "1" + "0" * 400, "0.1e-320", "1e29", "1e-29", "1.5", "true"),
    *("None", "ok", "oom", "attention", "a/b.py:Mine", "../../etc/passwd", "=1+1", "%s%n{0}", "é漢\u202e", "\x1b[31mred"),
    *("{}", "[]", '{"a":', "[" * 10_000, '{"a":' * 3000 + "1" + "}" * 3000, '{"heads":NaN}', '{"a":1,"a":2}', '{"":null}'),
    *('{"task":7,"searched":[]}', '{"task":"x","searched":"y"}', '{"layers":{"a":[1]}}', '{"task":{"data":[]},"steps":"x"}'),
    *("a$b_{$", "\\frac{1}{0}$$", "x" * 300, "Ω" * 5000, "m" * 100_000),
)
"""What a cell or a member may hold."""
HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 10**30, 10**400, 1.5, 1e-300, 1e300),
    *("", "text", "9" * 40, "m" * 5000, [], {}, [[]], {"a": 1}, [1, "a"]),
)
COLUMNS = (
    *(
        "mixer",
        "config",
        "settings",
        "environment",
        "measured_at",
        "task",
        "rounds",
        "round",
        "score",
        "scope",
        "mode",
        "dtype",
    ),
    *("device", "threads", "compiled", "launch", "status", "detail", "flops", "latency_ms", "cpu_ms", "calibration_cpu_ms"),
    *("dev_score", "test_score", "train_size", "seed", "trial", "sampled", "map_file", "checkpoint", "right_share", "tokens"),
)
"""Columns on which much depends; of those that a table lacks, its first is meant."""
INSERTED = (
    *(b"\0", b"\xff", b'"', b",", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b";", b"\t", b"#", b"{", b"[" * 5000, b"9" * 25),
    *(b"1e999", b"nan", "\u2028".encode(), b"<<<<<<< HEAD\n", b"\xf0\x9f\x98\x80", b"$"),
)


@cache
def sound_results() -> Mapping[str, bytes]:
    """The files of a small results folder with every table but pairs.csv."""
    with TemporaryDirectory() as path:
        maps = map_rows({"attention": 0.8, "none": None}, examples=3, drawn=(0,))
        failures = {("none", 50): ("oom", "needs 2 MiB")}
        mixers = ("attention", "none", "a/mine.py:Mine")
        speed = speed_rows(mixers, (50, 100), modes=("training",), launches=3, rounds=2, failures=failures)
        training = training_rows(("attention", "none"), (100, 400), seeds=range(3))
        trials = trial_rows(("attention", "none"), trials=6, diverged=(2,))
        folder = fill_folder(path, *speed, training, trials, maps)
        write_maps(maps, folder)
        return contents(folder)


@cache
def sound_history() -> Mapping[str, bytes]:
    """The files of a history of seven commits."""
    with TemporaryDirectory() as path:
        for entry in history(7, lambda mixer, tokens, number: 2.0 if number > 3 else 1.0, tokens=(64,)):
            write_entry(Path(path), entry)
        return contents(Path(path))


def contents(folder: Path) -> Files:
    """Every file below a folder, but for locks, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", ".writer"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _on_bytes(change: Callable[[bytes], bytes], name: str, files: Files) -> None:
    files[name] = change(files[name])


def _flip(place: float, bit: int, content: bytes) -> bytes:
    at = int(place * len(content))
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :] if content else content


def _cut(place: float, content: bytes) -> bytes:
    return content[: int(place * len(content))]


def _insert(place: float, text: bytes, content: bytes) -> bytes:
    at = int(place * len(content))
    return content[:at] + text + content[at:]


def _lines(how: str, first: float, second: float, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    one, other = int(first * len(lines)), int(second * len(lines))
    if how == "delete":
        del lines[one]
    elif how == "repeat":
        lines.insert(other, lines[one])
    elif how == "swap":
        lines[one], lines[other] = lines[other], lines[one]
    elif how == "join":
        lines[one] = lines[one].rstrip(b"\r\n")
    elif how == "sort":
        lines.sort()
    elif how == "reverse":
        lines.reverse()
    return b"".join(lines)


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "twice": lambda content: content + content,
    "no-last-break": lambda content: content.rstrip(b"\n"),
    "crlf": lambda content: content.replace(b"\n", b"\r\n"),
    "cr": lambda content: content.replace(b"\n", b"\r"),
    "utf-16": lambda content: content.decode(errors="replace").encode("utf-16"),
    "latin-1": lambda content: content.replace(b"attention", b"\xe9ttention"),
    "semicolons": lambda content: content.replace(b",", b";"),
    "upper": bytes.upper,
    "nul": lambda content: bytes(len(content)),
}


def with_cell(column: str | float, row: float, text: str, content: bytes) -> bytes:
    """A table with another text in one cell, or in a whole column for a row beyond the last."""
    try:
        header, *rows = csv.reader(io.StringIO(content.decode()))
    except (ValueError, csv.Error):
        return content
    at = int(column * len(header)) if isinstance(column, float) else header.index(column) if column in header else 0
    chosen = rows if row >= 1 else rows[int(row * len(rows)) :][:1]
    for record in chosen:
        if at < len(record):
            record[at] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode(errors="replace")


def _member(path: list[float], how: str, value: Any, content: bytes) -> bytes:
    """JSON with another value at a place that is found by going down: each number chooses a member."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return content
    node, *further = [whole], *path
    key: Any = 0
    for share in further:
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        node, key = inner, (list(inner)[int(share * len(inner))] if isinstance(inner, dict) else int(share * len(inner)))
    if how == "delete":
        del node[key]
    elif how == "rename" and isinstance(node, dict):
        node[str(value)[:50]] = node.pop(key)
    elif how == "nest":
        marked = json.dumps(_replaced(whole, node, key, "@@")).replace('"@@"', "[" * 3000 + "1" + "]" * 3000)
        return marked.encode()
    else:
        node[key] = value
    return json.dumps(whole).encode()


def _replaced(whole: Any, node: Any, key: Any, value: Any) -> Any:
    node[key] = value
    return whole


def _shares() -> st.SearchStrategy[float]:
    return st.floats(0, 1 - 2**-20)


def damages(names: st.SearchStrategy[str]) -> st.SearchStrategy[Damage]:
    """One change to one of the files with these names."""
    place = _shares()
    lines = st.sampled_from(("delete", "repeat", "swap", "join", "sort", "reverse"))
    named = st.sampled_from(COLUMNS)
    column = st.one_of(named, named, named, place)
    texts = st.sampled_from(HOSTILE_TEXTS) | st.text(max_size=8)
    any_bytes = st.one_of(
        st.builds(partial, st.just(_flip), place, st.integers(0, 7)),
        st.builds(partial, st.just(_cut), place),
        st.builds(partial, st.just(_insert), place, st.sampled_from(INSERTED) | st.binary(min_size=1, max_size=4)),
        st.builds(partial, st.just(_lines), lines, place, place),
        st.sampled_from(list(WHOLE.values())),
    )
    in_table = st.builds(partial, st.just(with_cell), column, place | st.just(1.0), texts)
    hows = st.sampled_from(("set", "set", "set", "delete", "rename", "nest"))
    in_json = st.builds(
        partial, st.just(_member), st.lists(place, min_size=1, max_size=6), hows, st.sampled_from(HOSTILE_VALUES)
    )

    def of(name: str) -> st.SearchStrategy[Damage]:
        inside = {"csv": in_table, "json": in_json}.get(name.rpartition(".")[2])
        change = st.one_of(any_bytes, inside, inside) if inside is not None else any_bytes
        return st.one_of(
            st.builds(partial, st.just(_on_bytes), change, st.just(name)),
            st.builds(partial, st.just(_on_bytes), change, st.just(name)),
            st.builds(partial, st.just(_on_bytes), change, st.just(name)),
            st.sampled_from([_remove, _as_folder]).map(lambda how: partial(how, name)),
        )

    return names.flatmap(of)


def _remove(name: str, files: Files) -> None:
    files.pop(name, None)


def _as_folder(name: str, files: Files) -> None:
    files.pop(name, None)
    files[f"{name}/inside"] = b""


def damaged(sound: Mapping[str, bytes]) -> st.SearchStrategy[Files]:
    """The files with up to three damages."""

    def apply(changes: list[Damage]) -> Files:
        files = dict(sound)
        for change in changes:
            try:
                change(files)
            except KeyError:  # a file that an earlier change removed
                continue
        return files

    tables = [name for name in sound if name.endswith(".csv")]
    names = st.sampled_from([*sorted(sound), *tables, *tables])
    return st.lists(damages(names), min_size=1, max_size=3).map(apply)
