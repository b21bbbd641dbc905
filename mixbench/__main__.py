"""The entry point of `mixbench` and `python -m mixbench`."""

from mixbench.cli import app
from mixbench.cli.terminal import outlive_readers


def main() -> None:
    """Run the command line."""
    outlive_readers()
    app(prog_name="mixbench")


if __name__ == "__main__":
    main()
