"""What the field of a row says about its column, once for all uses: heading, unit, direction, gate rule, figure.

- key          what was requested; keys and `environment` together identify a cell
- replicate    which repetition of the cell this row is
- metric       a measured or counted quantity; None where the status is not ok or where it does not apply
- observation  what was observed during the measurement
- outcome      how it went, where and when
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal, get_args

Role = Literal["key", "replicate", "metric", "observation", "outcome"]
ROLES: tuple[Role, ...] = get_args(Role)
Better = Literal["lower", "higher", ""]
Rule = Literal["count", "time", "score", "reported", ""]


@dataclass(frozen=True)
class Heading:
    """How a printed table shows a metric.

    Numbers are in multiples of the unit (`per`), with three significant digits, as whole numbers or with an SI prefix.
    """

    text: str
    form: Literal["number", "whole", "prefix"] = "number"
    per: float = 1


@dataclass(frozen=True)
class Quantity:
    """How figures draw a metric: its part of the file name, its title, and the label of its axis.

    The numbers of a `prefixed` axis have SI prefixes.
    """

    name: str
    title: str
    axis: str
    prefixed: bool = False


@dataclass(frozen=True)
class Refines:
    """Of a column that says more than an older one: the values that it may have for each value of the other.

    The first of them is what rows mean that do not have the column.
    """

    older: str
    values: tuple[tuple[Any, tuple[str, ...]], ...]

    def allowed(self, older: Any) -> tuple[str, ...]:
        """Its values where the older column has this one."""
        allowed: Mapping[Any, tuple[str, ...]] = dict(self.values)
        return allowed[older]


@dataclass(frozen=True)
class Column:
    """Everything that tables, figures, comparisons, exports and the data dictionary need to know about a column."""

    role: Role
    meaning: str
    unit: str = ""
    better: Better = ""
    """The direction of a metric; empty where neither is better."""
    positive: bool = False
    """Whether 0 is not allowed."""
    words: str = ""
    """Its usual name; empty if that is the name of the column."""
    rule: Rule = ""
    """How the gate judges a metric.

    count: depends only on the code, so any change is judged; time: judged by its interval and a threshold (on the CPU, CPU time
    relative to the calibration is judged instead); score: judged by the paired difference; reported: exported with its
    interval, but not judged; empty: neither judged nor exported.
    """
    once: bool = False
    """Whether it is found once per cell before anything is timed, like all counts, and so equal in all rows of the cell."""
    in_summary: bool = False
    """Whether it is part of the summary although no table or figure shows it."""
    heading: Heading | None = None
    quantity: Quantity | None = None
    json: tuple[str, ...] | None = None
    """Of a text that holds a JSON object, the members that are objects, too, where they are there: `task`, `task.options`."""
    refines: Refines | None = None

    @property
    def counted(self) -> bool:
        """Whether it is found once per cell, not in every block."""
        return self.once or self.rule == "count"

    @property
    def summarised(self) -> bool:
        """Whether it is part of the summary."""
        return self.in_summary or self.heading is not None or self.quantity is not None


def _field(column: Column, default: Any = MISSING) -> Any:
    return dataclasses.field(default=default, metadata={"column": column})


def column(
    role: Role,
    meaning: str,
    unit: str = "",
    *,
    default: Any = MISSING,
    positive: bool = False,
    once: bool = False,
    json: tuple[str, ...] | None = None,
    refines: Refines | None = None,
) -> Any:
    """A field that is a column; without a default, or an older column that it `refines`, it must be given."""
    default = "" if refines else default
    return _field(Column(role, meaning, unit, positive=positive, once=once, json=json, refines=refines), default)


def metric(
    meaning: str,
    unit: str,
    better: Better = "lower",
    *,
    positive: bool = False,
    words: str = "",
    rule: Rule = "",
    once: bool = False,
    in_summary: bool = False,
    heading: Heading | None = None,
    quantity: Quantity | None = None,
) -> Any:
    """A field that is a metric, None by default; the arguments are those of `Column`."""
    return _field(Column("metric", meaning, unit, better, positive, words, rule, once, in_summary, heading, quantity), None)


def size(meaning: str, unit: str) -> Any:
    """A field that is a key and a number above 0."""
    return column("key", meaning, unit, positive=True)


def same_as(table: type[Any], name: str) -> Any:
    """A field that is the same column as in another table."""
    (field,) = (field for field in dataclasses.fields(table) if field.name == name)
    return dataclasses.field(default=field.default, metadata=field.metadata)
