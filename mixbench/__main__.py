"""The entry point of `mixbench` and `python -m mixbench`."""

import io
import sys

from mixbench.cli import app


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? instead of a traceback
    app(prog_name="mixbench")


if __name__ == "__main__":
    main()
