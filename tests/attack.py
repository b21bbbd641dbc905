"""All hostile mixers in one request with good ones: `python tests/attack.py`. Exit code 1 if one gives what is not expected."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "helpers"))

from hostile_mixers import GOOD, HOSTILE, measure
from left_behind import new_mark, with_mark


def main() -> int:
    """Measure those whose names contain a given word, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--timeout", type=float, default=10.0)
    given = parser.parse_args()
    names = [name for name in HOSTILE if not given.words or any(word in name for word in given.words)]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        mark = new_mark()
        done, rows = measure(names, Path(folder), mark, given.timeout)
    surprises = [name for name in names if not HOSTILE[name].fits(rows[name])]
    surprises += [name for name in GOOD if {row["status"] for row in rows[name]} != {"ok"}]
    for name, found in rows.items():
        told = {f"{row['status']}: {row['detail']}" for row in found}
        print(f"{'NOT EXPECTED' if name in surprises else 'as expected':<13}{name:<28}{' | '.join(sorted(told))}")
    left = with_mark(mark)
    print(f"exit code {done.exit_code}, {time.monotonic() - begun:.0f} s, {len(left)} processes left")
    return int(bool(surprises or left or done.exit_code != 1))


if __name__ == "__main__":
    sys.exit(main())
