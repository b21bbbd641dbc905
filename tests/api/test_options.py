"""The functions of `mixbench` are the commands: the same options with the same defaults, and the same refusals."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import every_command, parse
from running import Run

import mixbench
from mixbench.api.options import Options, options_of
from mixbench.api.speed_options import SpeedOptions
from mixbench.cli.adapter import FEW
from mixbench.errors import RequestError

COMMANDS = every_command()
each_command = pytest.mark.parametrize("name", COMMANDS)
PRINTING = {"as_json", "details", "print_file", "format", "output", "strict", "any_change"}
"""Options that only say how a result is printed, or where it is published."""


def function_of(name: str) -> Callable[..., Any]:
    """The Python function of a command: `track_show` of `track show`."""
    function: Callable[..., Any] = getattr(mixbench, name.replace("-", "_").replace(" ", "_"))
    return function


def signature_of(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function_of(name)).parameters)


@each_command
def test_a_function_has_the_options_of_its_command(name: str) -> None:
    typed = {option.name for option in COMMANDS[name].params}
    taken = set(signature_of(name))
    assert typed - taken <= PRINTING
    assert taken - typed <= {"progress"}


@each_command
def test_options_have_the_same_defaults_in_python_and_on_the_command_line(name: str) -> None:
    parameters = signature_of(name)
    for option in COMMANDS[name].params:
        if option.name in parameters:
            default = parameters[option.name].default
            assert option.required == (default is inspect.Parameter.empty), option.name
            assert option.required or str(option.default) == str(default), option.name


@each_command
def test_every_option_is_explained_in_python_too(name: str) -> None:
    text = inspect.getdoc(function_of(name)) or ""
    for option in COMMANDS[name].params:
        assert option.help, option.name
        assert f"{option.name}: {option.help}" in text or option.name in PRINTING


@each_command
def test_a_help_text_ends_with_examples_that_can_be_typed(name: str, run: Run) -> None:
    done = run(*name.split(), "--help")
    assert done.exit_code == 0
    _, title, examples = done.stdout.rpartition("Example")
    assert title
    lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    assert lines
    for line in lines:
        assert line.startswith(f"mixbench {name}")
        parse(shlex.split(line))


@each_command
def test_a_help_text_keeps_what_stands_in_brackets(name: str, run: Run) -> None:
    """The terminal would take `[report]` for a colour, and leave it out."""
    texts = [COMMANDS[name].help, *(option.help for option in COMMANDS[name].params)]
    shown = run(*name.split(), "--help").stdout
    bracketed = re.findall(r"\[\w+\]", " ".join(filter(None, texts)).replace("\\[", "["))
    assert [words for words in bracketed if words not in shown] == []


@each_command
def test_many_options_are_shown_in_panels_and_few_are_not(name: str, run: Run) -> None:
    options = [option for option in COMMANDS[name].params if option.param_type_name == "option"]
    panels = {option.rich_help_panel for option in options} - {None}
    assert bool(panels) == (len(options) > FEW)
    text = run(*name.split(), "--help").stdout
    assert all(f"╭─ {panel} " in text for panel in panels)


def test_the_package_lists_its_functions_and_nothing_else() -> None:
    assert sorted(dir(mixbench)) == sorted([*mixbench.__all__, "list", "__version__"])
    assert {function_of(name).__name__ for name in COMMANDS} | {"summary"} == {*mixbench.__all__, "list"}
    assert all(callable(getattr(mixbench, name)) for name in mixbench.__all__)
    with pytest.raises(AttributeError, match="module 'mixbench' has no attribute 'sped'"):
        mixbench.sped  # noqa: B018


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("cost", {"measure": "watts"}, "unknown value 'watts' for --measure"),
        ("compare", {"base": "a", "head": "b", "tier": "gpu"}, "unknown value 'gpu' for --tier"),
        ("plot", {"study": "cots"}, "unknown value 'cots' for --study"),
        ("summary", {"study": "cots"}, "unknown value 'cots' for --study"),
        ("speed", {"mode": "train"}, "unknown value 'train' for --mode"),
        ("speed", {"layers": "6"}, "--layers is '6', not a whole number"),
        ("speed", {"launches": 2.0}, "--launches is 2.0, not a whole number"),
        ("speed", {"launches": True}, "--launches is True, not a whole number"),
        ("speed", {"threads": "2"}, "--threads is '2', not a whole number"),
        ("speed", {"budget": "1"}, "--budget is '1', not a number"),
        ("speed", {"retry_failed": "no"}, "--retry-failed is 'no', not True or False"),
        ("speed", {"mixer": "atention"}, "unknown mixer 'atention'"),
    ],
)
def test_a_wrong_value_from_python_is_refused_as_on_the_command_line(name: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        getattr(mixbench, name)(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "positional", "given"),
    [
        ("speed", (), {"token": 64}),
        ("speed", ("attention",), {}),
        ("compare", ("results",), {}),
        ("list", (), {"as_json": True}),
    ],
)
def test_what_is_no_option_is_a_type_error(name: str, positional: tuple[str, ...], given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="argument"):
        getattr(mixbench, name)(*positional, **given)


def kinds_below(kind: type[Options]) -> Iterator[type[Options]]:
    for own in kind.__subclasses__():
        yield own
        yield from kinds_below(own)


MINIMA = [
    (kind, option.name)
    for kind in dict.fromkeys(kinds_below(Options))
    if kind.__module__.endswith("_options") and not kind.__module__.endswith("shared_options")
    for option in options_of(kind)
    if option.info.min is not None
]


@pytest.mark.parametrize(("kind", "option"), MINIMA)
def test_a_number_too_small_for_the_command_line_is_too_small_in_python(kind: type[Options], option: str) -> None:
    described = {own.name: own for own in options_of(kind)}
    required = {name: "." for name, own in described.items() if own.default is inspect.Parameter.empty}
    least = described[option].info.min
    with pytest.raises(RequestError, match=f"--{option.replace('_', '-')} is {least - 1}; it must be at least {least}"):
        kind(**required, **{option: least - 1})


def test_numbers_of_numpy_are_numbers_and_become_plain_ones() -> None:
    options = SpeedOptions(launches=np.int64(3), budget=np.float32(0.5), timeout=20)  # type: ignore[arg-type]
    assert (type(options.launches), type(options.budget), type(options.timeout)) == (int, float, float)


def test_a_baseline_of_attention_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="attention maps have no baseline"):
        mixbench.summary(tmp_path, study="attention-map", baseline="attention")
