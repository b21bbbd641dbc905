"""What commands say while they run."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from running import environment_in, run_python

from mixbench.api.duel_options import DuelOptions
from mixbench.api.plot_options import PlotOptions
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.verify_options import VerifyOptions
from mixbench.cli import terminal
from mixbench.cli.text.verify import verify_text
from mixbench.errors import RequestError


def test_an_interrupt_says_what_becomes_of_what_was_done_and_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mixbench", "speed", "--fresh", "--tokens", "64"])
    with pytest.raises(typer.Exit) as left, terminal.reporting(SpeedOptions.interrupted):
        raise KeyboardInterrupt
    assert left.value.exit_code == 130
    assert capsys.readouterr().err == "\nInterrupted. What was finished is kept; continue with:\n  mixbench speed --tokens 64\n"


def test_an_interrupt_while_modules_are_imported_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n")
    done = run_python("-m", "mixbench", "list", folder=tmp_path)
    assert (done.exit_code, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_on_a_terminal_hints_wrap_between_words_and_commands_stay_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "mixbench speed --tokens 100 --width 32 --scope block"
    error = RequestError("there are no rows of speed in this folder", f"Measure first: {command}. Or give another folder.")
    for terminal_there in (False, True):
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.setattr("sys.stderr.isatty", lambda there=terminal_there: there)
        with pytest.raises(typer.Exit), terminal.reporting(""):
            raise error
        lines = capsys.readouterr().err.splitlines()
        assert sum(command in line for line in lines) == 1
        assert all(len(line) <= 40 or line.startswith(f"  {command}") for line in lines) == terminal_there
        assert " ".join(" ".join(lines).split()) == f"mixbench: {error} {error.hint}"


def test_the_warning_at_the_end_wraps_between_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    warning = "DISTURBED for too much of the time: stop other processes, then measure again with --fresh."
    terminal.conclude("block", tmp_path / "speed.csv", 0, "cell", warning=warning)
    lines = re.sub(r"\x1b\[\d+m", "", capsys.readouterr().err).splitlines()[-3:]
    assert max(map(len, lines)) <= 40
    assert " ".join(lines) == warning


@pytest.fixture
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_a_command_like_an_interrupt_and_only_once(number: signal.Signals) -> None:
    cleaned_up = []

    def end_twice() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)
            cleaned_up.append(True)

    with pytest.raises(typer.Exit) as left, terminal.reporting(""):
        end_twice()
    assert (left.value.exit_code, cleaned_up) == (130, [True])


@pytest.mark.usefixtures("_handlers")
def test_a_command_that_must_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    with terminal.reporting(""):
        os.kill(os.getpid(), signal.SIGHUP)


def test_only_what_can_be_resumed_promises_it() -> None:
    for kind, start in (
        (SpeedOptions, "What was finished is kept; continue with"),
        (SelfcheckOptions, "What was finished is kept; continue with"),
        (PlotOptions, "Figures that were drawn are kept; start again with"),
        (DuelOptions, "Nothing was stored; start again with"),
        (VerifyOptions, "Nothing was stored; start again with"),
    ):
        assert kind.interrupted == start


def test_checks_of_a_mixer_wrap_between_words() -> None:
    checks = [{"name": "has the FLOPs of its closed form", "outcome": "pass", "detail": "inference 4096, training 12288"}]
    assert verify_text({"attention": checks}, 60).splitlines() == [
        "attention",
        "  ok    has the FLOPs of its closed form  inference 4096,",
        "        training 12288",
    ]
    assert len(verify_text({"attention": checks}, None).splitlines()) == 2


@pytest.mark.parametrize(("words", "code"), [(("--help",), 0), (("list",), 0), (("plot", "nowhere"), 2)])
@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_has_gone_changes_neither_the_exit_code_nor_what_is_said(
    words: tuple[str, ...], code: int, both: bool, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "mixbench", *words],
        stdout=writing,
        stderr=writing if both else subprocess.PIPE,
        cwd=tmp_path,
        env=environment_in(tmp_path),
    )
    os.close(writing)
    assert done.returncode == code
    assert both or b"Traceback" not in done.stderr
    assert both or b"Exception" not in done.stderr
    assert both or bool(done.stderr) == (code != 0)


def test_a_command_without_a_standard_output_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mixbench", "list"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_numbers_that_json_does_not_have_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_json({"scores": (1.5, math.nan), "more": [{"end": math.inf, "name": "NaN"}]})
    assert json.loads(capsys.readouterr().out) == {"scores": [1.5, None], "more": [{"end": None, "name": "NaN"}]}
