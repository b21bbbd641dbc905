"""`mixbench` and `python -m mixbench`."""

from mixbench.cli import app


def main() -> None:
    """Run the command line."""
    app(prog_name="mixbench")


if __name__ == "__main__":
    main()
