"""Options are defined once, in a frozen dataclass per command: the command line and the Python function are derived from it.

A field holds name, type, default and, as `Annotated[…, typer.Option(help=…)]`, its help text. `Typed` marks a field for which
Python takes more types than the command line, such as a list of numbers, or a class instead of a mixer's name.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar, get_args

from typer.models import ArgumentInfo, OptionInfo

from mixbench.api.checking import check_path, checked
from mixbench.errors import RequestError

P = ParamSpec("P")
Result = TypeVar("Result")
Given = TypeVar("Given")

PANELS = (
    "What to compare",
    "Model and training",
    "Your texts",
    "How to measure",
    "Where to run",
    "Rows of speed.csv",
    "Which rows",
    "Verdict",
    "Results",
)
"""Groups of options in a help text and in a Python signature, in this order; options without a group come first."""
WHAT, MODEL, TEXTS, HOW, WHERE, ROWS, CHOICE, VERDICT, RESULTS = PANELS


MOST: Mapping[str, int] = {
    "launches": 10_000,
    "seeds": 10_000,
    "trials": 100_000,
    "examples": 100_000,
    "layers": 10_000,
    "threads": 4096,
    "jobs": 4096,
    "per_gpu": 4096,
    "vocabulary": 10_000_000,
}
"""The largest numbers of options whose plan, processes or tables grow with them, in whatever command they are."""


@dataclass(frozen=True)
class Typed:
    """The type of an option on the command line, where Python takes more types; whether a list of nothing is one of them."""

    kind: Any
    may_be_empty: bool = False


@dataclass(frozen=True)
class Described:
    """An option as its field describes it; `kind` is its type on the command line, `python` its type in Python."""

    name: str
    python: Any
    kind: Any
    info: OptionInfo | ArgumentInfo
    default: Any = inspect.Parameter.empty
    may_be_empty: bool = False

    @property
    def help(self) -> str:
        """The help text."""
        return self.info.help or ""

    @property
    def flag(self) -> str:
        """What it is called on the command line."""
        if self.positional:
            return self.name.upper()
        named = self.info.default  # Typer keeps the first name of an annotated option there
        return named if isinstance(named, str) and named.startswith("--") else f"--{self.name.replace('_', '-')}"

    @property
    def is_path(self) -> bool:
        """Whether it is a path, or several, on the command line."""
        return Path in (self.kind, *get_args(self.kind), *(part for kind in get_args(self.kind) for part in get_args(kind)))

    @property
    def positional(self) -> bool:
        """Whether it is an argument, not an option, of the command."""
        return isinstance(self.info, ArgumentInfo)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of the options of every command; the docstring is the command's help text, which ends with `example_commands`."""

    example_commands: ClassVar[tuple[str, ...]] = ()
    interrupted: ClassVar[str] = "Nothing was stored; start again with"
    """What becomes of a command that is interrupted, said before the command to type."""

    def __post_init__(self) -> None:
        """Check the values as the command line does, for callers from Python. Raises RequestError."""
        for option in options_of(type(self)):
            object.__setattr__(self, option.name, checked_value(option, getattr(self, option.name)))


def checked_value(option: Described, value: Any) -> Any:
    """A value as the type of an option; a list as a tuple. Raises RequestError, UnknownNameError."""
    found = checked(
        option.flag,
        option.python,
        value,
        least=option.info.min,
        most=MOST.get(option.name),
        may_be_empty=option.may_be_empty,
    )
    if option.is_path and found is not None:
        for path in found if isinstance(found, tuple) else [found]:
            check_path(option.flag, path)
    return found


_FOUND: dict[type[Options], tuple[Described, ...]] = {}


def options_of(kind: type[Options]) -> tuple[Described, ...]:
    """The options of a command: arguments, then options by panel."""
    if kind not in _FOUND:
        _FOUND[kind] = _options_of(kind)
    return _FOUND[kind]


def _options_of(kind: type[Options]) -> tuple[Described, ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):
        python, *extras = get_args(hints[field.name]) if hasattr(hints[field.name], "__metadata__") else (hints[field.name],)
        infos = [extra for extra in extras if isinstance(extra, OptionInfo | ArgumentInfo)]
        if not infos:  # only for Python, such as `progress`
            continue
        typed = next((extra for extra in extras if isinstance(extra, Typed)), Typed(python))
        default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        found.append(Described(field.name, python, typed.kind, infos[0], default, typed.may_be_empty))
    return tuple(sorted(found, key=_place))


def _place(option: Described) -> tuple[bool, int]:
    panel = option.info.rich_help_panel
    return not option.positional, PANELS.index(panel) + 1 if isinstance(panel, str) else 0


def takes(
    options: Callable[P, Given],
) -> Callable[[Callable[[Given], Result]], Callable[P, Result]]:
    """Turn a function of an options object into one that takes the options as keywords: `mixbench.speed(tokens=64)`.

    Type checkers see the options through the constructor of their class, `inspect.signature` and `help` through its fields.
    """

    kind = typing.cast("type[Options]", options)

    def decorate(function: Callable[[Given], Result]) -> Callable[P, Result]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            _refuse_in_a_worker(function.__name__)
            try:
                given = options(*args, **kwargs)
            except TypeError as error:  # an unknown keyword, or an argument that is missing
                raise TypeError(str(error).replace(f"{kind.__name__}.__init__()", f"{function.__name__}()")) from None
            return function(given)

        call.__signature__ = _signature(kind, function)  # type: ignore[attr-defined]
        lines = [f"    {option.name}: {option.help}" for option in options_of(kind)]
        call.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Options:", *lines])
        del call.__wrapped__
        return call

    return decorate


def _signature(kind: type[Options], function: Callable[..., Any]) -> inspect.Signature:
    """The constructor's parameters in the order of the help text, then those that only Python takes."""
    types = typing.get_type_hints(kind)
    order = {option.name: place for place, option in enumerate(options_of(kind))}
    parameters = sorted(
        inspect.signature(kind).parameters.values(), key=lambda parameter: order.get(parameter.name, len(order))
    )
    typed = [parameter.replace(annotation=types[parameter.name]) for parameter in parameters]
    return inspect.Signature(typed, return_annotation=inspect.signature(function).return_annotation)


_WORKERS = ("mixbench/execution/server.py", "mixbench/worker/duel.py")


def _refuse_in_a_worker(name: str) -> None:
    """Refuse a call in a measuring process, which loads the script again if it defines a mixer and measures it."""
    started = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    if started.endswith(_WORKERS):
        raise RequestError(
            f"mixbench.{name}() was called while the file of a mixer was being loaded: "
            'put the call under `if __name__ == "__main__":`'
        )
