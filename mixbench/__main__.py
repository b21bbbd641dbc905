"""The entry point of `mixbench` and `python -m mixbench`."""

import signal


def main() -> None:
    """Run the command line."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported, Ctrl-C ends it without a traceback
    from mixbench.cli import app
    from mixbench.cli.terminal import outlive_readers

    signal.signal(signal.SIGINT, before)
    outlive_readers()
    app(prog_name="mixbench")


if __name__ == "__main__":
    main()
