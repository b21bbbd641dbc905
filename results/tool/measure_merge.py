"""How long `mixbench merge` takes: `python results/tool/measure_merge.py [--shards 1000] [--rows 1000]`.

Makes the shards of a speed study in a temporary folder, from rows of results/reference with other widths, times and machines.
Merges them into a new folder, merges them again, and adds one more shard. Checks that every row is there once. Prints Markdown:
wall time, CPU time and peak memory of each command, in a process of its own. `--folder` is where the temporary folder is made.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mixbench.parsing.canonical import canonical_json, digest
from mixbench.tables.columns import columns
from mixbench.tables.fields import Column
from mixbench.tables.manifest import Manifest, shard_folder, write_manifest
from mixbench.tables.rows import TABLES

REFERENCE = Path(__file__).parents[1] / "reference"
MACHINES = 8
NOISE = 0.05
Record = dict[str, str]


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        work = Path(place)
        speed, launches = template(options.rows)
        for number in range(1, options.shards + 1):
            write_shard(work, number, options.shards, speed, launches)
        folders = [str(work / shard_folder(number, options.shards)) for number in range(1, options.shards + 1)]
        size = sum((Path(folder) / "speed.csv").stat().st_size for folder in folders)
        print(f"{options.shards:,} shards of {len(speed):,} rows, {size / 1e6:,.0f} MB\n")
        print("| command | wall time, s | CPU time, s | peak memory, MiB |\n| --- | --- | --- | --- |")
        merge("`merge` into a new folder", folders[:-1], work)
        merge("the same again", folders[:-1], work)
        merge("one more shard", folders[-1:], work)
        check(work / "united", folders)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--folder")
    return parser.parse_args()


def template(most: int) -> tuple[list[Record], list[Record]]:
    """At most so many rows of speed.csv, of whole launches, and their rows of launches.csv."""
    with (REFERENCE / "speed.csv").open(newline="") as file:
        runs: dict[tuple[str, ...], list[Record]] = {}
        for row in csv.DictReader(file):
            key = tuple(row[name] for name, column in columns(TABLES["speed"]).items() if column.role == "key")
            runs.setdefault((*key, row["launch"]), []).append(row)
    rows: list[Record] = []
    for run in runs.values():
        rows += run if len(rows) + len(run) <= most else []
    with (REFERENCE / "launches.csv").open(newline="") as file:
        began = {row["measured_at"] for row in rows}
        return rows, [row for row in csv.DictReader(file) if row["measured_at"] in began]


def write_shard(work: Path, number: int, count: int, speed: list[Record], launches: list[Record]) -> None:
    """The folder of a shard, as if another machine had measured it."""
    folder = work / shard_folder(number, count)
    (folder / "environments").mkdir(parents=True)
    (stored,) = (REFERENCE / "environments").iterdir()
    environment = {**json.loads(stored.read_text()), "memory_gib": 16 + number % MACHINES}
    name = digest(canonical_json(environment), 12)
    (folder / "environments" / f"{name}.json").write_text(json.dumps(environment))
    noise = random.Random(number)
    for table, rows in (("speed", speed), ("launches", launches)):
        with (folder / f"{table}.csv").open("w", newline="") as file:
            known = columns(TABLES[table])
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(known)
            changed = {"width": str(number), "environment": name}
            writer.writerows(list(varied(row | changed, known, number, noise)) for row in rows)
    write_manifest(folder, Manifest(number, count, "speed", "mixbench speed", "0" * 16, 1, finished=True))


def varied(row: Record, known: Mapping[str, Column], number: int, noise: random.Random) -> Iterator[str]:
    """The texts of a row: other values where a measured number has a fraction, and the hour of the shard."""
    for name, column in known.items():
        text = row.get(name, "")
        if name == "measured_at":
            yield f"{text[:11]}{number % 24:02}{text[13:]}"
        elif column.role == "metric" and "." in text:
            yield format(float(text) * noise.lognormvariate(0, NOISE), ".9g")
        else:
            yield text


def merge(what: str, folders: list[str], work: Path) -> None:
    """Merge folders in a process of its own, and print what it took."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mixbench", "merge", *folders, "--into", str(work / "united")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{what} ended with {os.waitstatus_to_exitcode(status)}")
    wall, cpu = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    per_mib = 1024 if sys.platform == "linux" else 2**20
    print(f"| {what} | {wall:.1f} | {cpu:.1f} | {used.ru_maxrss / per_mib:,.0f} |", flush=True)


def check(united: Path, folders: list[str]) -> None:
    """Raise SystemExit unless the tables of the united folder have just the lines of the others."""
    for table in ("speed", "launches"):
        given, found = (sorted(hashes(f"{table}.csv", places)) for places in (folders, [str(united)]))
        if given != found:
            raise SystemExit(f"{table}.csv: {len(given):,} rows were given, {len(found):,} are there")


def hashes(name: str, folders: list[str]) -> Iterator[bytes]:
    """A hash of each row."""
    for folder in folders:
        with (Path(folder) / name).open("rb") as file:
            next(file)
            yield from (hashlib.blake2b(line, digest_size=8).digest() for line in file)


if __name__ == "__main__":
    main()
