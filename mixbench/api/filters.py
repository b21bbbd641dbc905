"""Options that choose rows of the tables, shared by the commands that draw, export and remove them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.given_mixers import names_of
from mixbench.api.options import CHOICE, Options, Typed
from mixbench.errors import LeftOutWarning
from mixbench.parsing.spec import parse_names, parse_sizes, split_names

if TYPE_CHECKING:
    from mixbench.verdicts.filters import Filter


@dataclass(frozen=True, kw_only=True)
class Filters(Options):
    """Which rows of the tables are meant: those that have one of the values of every option that is given."""

    mixer: Annotated[
        shared.MixerLike | Sequence[shared.MixerLike] | None,
        Typed(list[str] | None),
        Option(
            "--mixer",
            help="Only these mixers: names, labels or mixer strings. Repeatable.",
            metavar="NAME",
            rich_help_panel=CHOICE,
        ),
    ] = None
    task: Annotated[
        shared.Names | None, Typed(str | None), Option(help="Only these tasks: shapes, or a list.", rich_help_panel=CHOICE)
    ] = None
    tokens: Annotated[
        shared.Sizes | None,
        Typed(str | None),
        Option(help="Only these lengths: 256, a list 128,256 or a doubling range 64..4096.", rich_help_panel=CHOICE),
    ] = None
    width: Annotated[
        shared.Sizes | None, Typed(str | None), Option(help="Only these widths, as for --tokens.", rich_help_panel=CHOICE)
    ] = None
    batch: Annotated[
        shared.Sizes | None, Typed(str | None), Option(help="Only these batch sizes, as for --tokens.", rich_help_panel=CHOICE)
    ] = None
    mode: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(help="Only inference, training or decode, or a list.", rich_help_panel=CHOICE),
    ] = None
    scope: Annotated[
        shared.Names | None, Typed(str | None), Option(help="Only mixer, block or model, or a list.", rich_help_panel=CHOICE)
    ] = None
    dtype: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(help="Only float32, bfloat16 or float16, or a list.", rich_help_panel=CHOICE),
    ] = None
    execution: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(help="Only eager, graph or compiled calls, or a list.", rich_help_panel=CHOICE),
    ] = None
    threads: Annotated[
        shared.Sizes | None,
        Typed(str | None),
        Option(help="Only these numbers of CPU threads, as for --tokens.", rich_help_panel=CHOICE),
    ] = None
    device: Annotated[
        shared.Names | None, Typed(str | None), Option(help="Only these devices: cpu, or a list.", rich_help_panel=CHOICE)
    ] = None
    environment: shared.Environment = None


def filter_of(options: Filters, **further: tuple[Any, ...]) -> Filter:
    """The filter that the options describe, with `further` values by column; a baseline is one of the mixers.

    Raises RequestError.
    """
    from mixbench.studies.speed_request import DTYPES, MODES, SCOPES
    from mixbench.tables.speed_rows import EXECUTIONS
    from mixbench.verdicts.filters import Filter

    known: Mapping[str, tuple[str, ...]] = {"mode": MODES, "scope": SCOPES, "dtype": DTYPES, "execution": EXECUTIONS}
    values: dict[str, tuple[Any, ...]] = {}
    for column in _COLUMNS:
        given = getattr(options, column)
        if given is None:
            continue
        if column in _SIZES:
            values[column] = parse_sizes(given, f"--{column}")
        else:
            values[column] = parse_names(given, known[column], f"--{column}") if column in known else split_names(given)
    mixers = names_of(options.mixer) or []
    baseline = getattr(options, "baseline", None)
    return Filter(tuple(dict.fromkeys([*mixers, *([baseline] if mixers and baseline else [])])), values | further)


def tell_left_out(remarks: Iterable[str]) -> None:
    """Warn of what is not among the rows, or not shown."""
    for remark in remarks:
        warnings.warn(remark, LeftOutWarning, stacklevel=3)


_COLUMNS = ("task", "tokens", "width", "batch", "mode", "scope", "dtype", "execution", "threads", "device", "environment")
_SIZES = ("tokens", "width", "batch", "threads")
