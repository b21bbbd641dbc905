"""Turn the options of a command into the function from which Typer builds the command."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from mixbench.api.options import RESULTS, Described, Options, options_of
from mixbench.api.shared_options import Followed
from mixbench.cli.progress import progress_display
from mixbench.cli.terminal import print_json, print_text, reporting
from mixbench.cli.text.page import Section, show
from mixbench.cli.warned import remarks_of_warnings

Run = TypeVar("Run", bound=Callable[..., None])
Outcome = TypeVar("Outcome")
Given = TypeVar("Given", bound=Followed)

FEW = 12
"""A help text with more options than this groups them in panels."""


@dataclass(frozen=True, kw_only=True)
class Printed(Options):
    """Options that only the command line has: how the result is printed."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=RESULTS)] = False


@dataclass(frozen=True)
class Command:
    """The function from which Typer builds a command, and the end of its help text."""

    function: Callable[..., None]
    epilog: str

    def add_to(self, app: typer.Typer, name: str) -> None:
        """Add it to an app, as a command of this name."""
        app.command(name, epilog=self.epilog)(self.function)


def command(*kinds: type[Options]) -> Callable[[Run], Command]:
    """Turn a function of options objects, one of each kind, into a command.

    Its options have the names, types, defaults and help texts of the fields; its help text is the docstring of the first kind,
    with its examples. Errors are reported with their exit code.
    """

    def decorate(run: Run) -> Command:
        described = {kind: options_of(kind) for kind in kinds}
        several = sum(not option.positional for options in described.values() for option in options) > FEW

        def invoke(**values: Any) -> None:
            with reporting(kinds[0].interrupted), remarks_of_warnings():
                run(*(kind(**_given(kind, described[kind], values)) for kind in kinds))

        parameters = [_parameter(option, several) for options in described.values() for option in options]
        parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
        invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        invoke.__name__ = run.__name__
        invoke.__doc__ = re.sub(r"(?=\[)", r"\\", inspect.getdoc(kinds[0]) or "")  # Rich reads [extra] as markup
        examples = kinds[0].example_commands
        title = "Examples:" if len(examples) > 1 else "Example:"
        return Command(invoke, "\n".join(["\b", title, *(f"  {line}" for line in examples)]))  # \b keeps the lines apart

    return decorate


def _parameter(option: Described, panels: bool) -> inspect.Parameter:
    info = copy.copy(option.info)
    if not panels:
        info.rich_help_panel = None
    default = str(option.default) if option.kind is str and isinstance(option.default, int | float) else option.default
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(option.name, kind, default=default, annotation=Annotated[option.kind, info])


def _given(kind: type[Options], options: tuple[Described, ...], values: dict[str, Any]) -> dict[str, Any]:
    return {option.name: values[option.name] for option in options}


def timed(study: Callable[[Given], Outcome], options: Given) -> tuple[Outcome, str]:
    """Run a function that takes a while, and draw its progress; also returns how the time was spent, in words."""
    with progress_display() as progress:
        outcome = study(dataclasses.replace(options, progress=progress))
    return outcome, progress.spent


def followed(study: Callable[[Given], Outcome], options: Given) -> Outcome:
    """Run a function that takes a while, and draw its progress."""
    return timed(study, options)[0]


def present(printed: Printed, content: Callable[[], Any], text: Callable[[int, bool], Any]) -> None:
    """Print a result: its plain values as JSON if requested, else the rich text for this width, on a terminal or not."""
    if printed.as_json:
        print_json(content())
    else:
        print_text(text)


def present_page(printed: Printed, content: Callable[[], Any], sections: Callable[[], Iterable[Section]]) -> None:
    """Print a result: its plain values as JSON if requested, else sections of text."""
    if printed.as_json:
        print_json(content())
    else:
        show(list(sections()))
