"""Many damaged folders, histories and command lines: `python tests/fuzz.py --cases 10000`. Prints each failure once.

The suite runs a few hundred of the same cases. Every failure is printed with the case that reproduces it; exit code 1 if any.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "helpers")]

import pytest  # noqa: E402
import test_fuzz_commands as commands  # noqa: E402
import test_fuzz_files as files  # noqa: E402
import test_fuzz_studies as studies  # noqa: E402
from damaging import damaged, sound_history, sound_results  # noqa: E402
from fuzzing import CASES, HangError, measure_into, run_command, summarise  # noqa: E402
from hostile_options import command_lines  # noqa: E402
from hypothesis import given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

SHARES = {"commands": 0.3, "readers": 0.3, "history": 0.12, "summary": 0.1, "measure": 0.1, "studies": 0.08}
"""How the cases are divided among the kinds."""


def kinds() -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any, Path], object]]]:
    """For each kind, the cases and what is done with one of them in an empty folder."""
    results, runs = damaged(sound_results()), damaged(sound_history())
    return {
        "commands": (command_lines(), lambda words, where: run_command(words)),
        "readers": (
            st.tuples(st.sampled_from(sorted(files.READERS)), results),
            lambda case, where: files.read_results(*case, where),
        ),
        "history": (runs, lambda case, where: files.show_history(case, where)),
        "summary": (st.tuples(st.sampled_from(files.STUDIES), results), lambda case, where: summarise(case[0], where, case[1])),
        "measure": (results, lambda case, where: measure_into(where, case)),
        "studies": (studies.damaged_files(), studies.plan_file),
    }


def where_from(error: BaseException) -> str:
    """The error, and the last place in the package from which it came: what equal failures share."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/mixbench/" in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "-"
    return f"{type(error).__name__} at {place}: {str(error)[:150]}"


def hunt(kind: str, cases: int, first: int, keep: Path) -> tuple[collections.Counter[object], collections.Counter[str]]:
    """Carry out cases of a kind: how often each exit code was met, and the failures."""
    strategy, carry_out = kinds()[kind]
    failures: collections.Counter[str] = collections.Counter()
    codes: collections.Counter[object] = collections.Counter()

    @seed(first)
    @settings(CASES, max_examples=cases, derandomize=False)
    @given(strategy)
    def each(case: Any) -> None:
        try:
            with tempfile.TemporaryDirectory() as where:
                codes[carry_out(case, Path(where))] += 1
        except (Exception, HangError) as error:
            failure = where_from(error)
            if not failures[failure]:
                file = keep / f"{kind}-{first}-{len(failures)}.txt"
                file.write_text(f"{failure}\n\n{case!r}\n\n{''.join(traceback.format_exception(error))}")
                print(f"{failure}\n  kept in {file}", flush=True)
            failures[failure] += 1

    each()
    return codes, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=SHARES, action="append", help="only these kinds")
    parser.add_argument("--draw", action="store_true", help="draw the figures, too, which takes ten times as long")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "mixbench-fuzz", help="folder for failures")
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    chosen = asked.kind or list(SHARES)
    total = sum(SHARES[kind] for kind in chosen)
    found = 0
    for kind in chosen:
        start = time.monotonic()
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as place:
            if kind in ("commands", "studies"):
                commands.prepare_place(patch, Path(place))
            else:
                files.quicken(patch, draw=asked.draw)
            codes, failures = hunt(kind, round(asked.cases * SHARES[kind] / total), asked.seed, asked.keep)
        hangs = sum(count for failure, count in failures.items() if failure.startswith("HangError"))
        bad = failures.total()
        seconds = time.monotonic() - start
        done = codes.total() + bad
        print(f"{kind}: {done} cases, {bad} failures ({hangs} hangs), {seconds:.0f} s, exit codes {dict(codes)}", flush=True)
        found += bad
    return int(found > 0)


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "400")
    sys.exit(main())
