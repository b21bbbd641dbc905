"""The tables: one frozen dataclass per CSV. Columns, resume identity and the data dictionary are derived from the fields.

Each field says its role, unit, direction and meaning once:

- key          what was asked for; keys and `environment` together identify a cell
- replicate    which repetition of the cell this row is
- metric       a measured or counted quantity; None where the status is not ok or where it does not apply
- observation  what was seen beside the measurement
- outcome      how it went, where and when
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from types import NoneType
from typing import Any, Literal, TypeVar

SCHEMA = 1
"""Version of the tables. History: 1, the first (speed, launches)."""

STATUSES = ("ok", "unsupported", "diverged", "oom", "timeout", "killed", "error")
FAILURES = ("oom", "timeout", "killed", "error")
LOWER_BOUND = "flops is a lower bound"
"""Begins the remark in `detail` of a row whose operators may hide products that no formula counts."""
QUALITIES = ("clean", "contended", "throttled")

_UNWRITABLE = re.compile("[\n\r\0\ud800-\udfff]")

Role = Literal["key", "replicate", "metric", "observation", "outcome"]
RowType = TypeVar("RowType", bound="Row")


@dataclass(frozen=True)
class Column:
    """What a field of a row means. `better` is the direction of a metric: lower, higher or none; `positive` allows no 0."""

    role: Role
    meaning: str
    unit: str = ""
    better: Literal["lower", "higher", ""] = ""
    positive: bool = False


def _column(role: Role, meaning: str, unit: str = "", *, default: Any = MISSING, positive: bool = False) -> Any:
    return dataclasses.field(default=default, metadata={"column": Column(role, meaning, unit, positive=positive)})


def _metric(meaning: str, unit: str, better: Literal["lower", "higher", ""] = "lower", *, positive: bool = False) -> Any:
    return dataclasses.field(default=None, metadata={"column": Column("metric", meaning, unit, better, positive)})


def _size(meaning: str, unit: str) -> Any:
    return _column("key", meaning, unit, positive=True)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table, checked when it is made: a bad number never reaches a file. Raises ValueError."""

    def __post_init__(self) -> None:
        status = getattr(self, "status", "ok")
        if status not in STATUSES:
            raise ValueError(f"status is {status!r}, not one of {', '.join(STATUSES)}")
        layout = _layout(type(self))
        kinds = layout.kinds
        for name, value in vars(self).items():
            if type(value) not in kinds[name] and (isinstance(value, bool) or not isinstance(value, kinds[name])):
                raise ValueError(f"{name} is {value!r}, not {' or '.join(kind.__name__ for kind in kinds[name])}")
            if isinstance(value, str):
                if not value.isprintable() and _UNWRITABLE.search(value):
                    raise ValueError(f"{name} holds a line break, a NUL or half a surrogate pair: {value!r}")
            elif value is not None and not math.isfinite(value):
                raise ValueError(f"{name} is {value}, not a finite number")
        for name in layout.positive:
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ValueError(f"{name} is {value}, not above 0")
        if status != "ok":
            for name in layout.metrics:
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} has a value, but the status is {status}")


@dataclass(frozen=True, kw_only=True)
class SpeedRow(Row):
    """speed.csv: one block of calls of one mixer in one launch."""

    mixer: str = _column("key", "name of the mixer, or file:class of the user's own")
    config: str = _column("key", "the mixer's options as canonical JSON; what depends on the shape stays symbolic")
    scope: str = _column("key", "what was measured: mixer, block or model")
    mode: str = _column("key", "inference (forward) or training (forward and backward)")
    tokens: int = _size("sequence length N", "tokens")
    width: int = _size("channels per token d", "channels")
    batch: int = _size("sequences per call", "sequences")
    dtype: str = _column("key", "float32, bfloat16 or float16")
    device: str = _column("key", "cpu, cuda or cuda:INDEX")
    threads: int = _size("threads of one operator on the CPU", "threads")
    compiled: bool = _column("key", "whether torch.compile was applied")
    settings: str = _column("key", "every other option that can change the result, as canonical JSON")
    launch: int = _column("replicate", "fresh process, counted from 1: the unit of every interval")
    round: int = _column("replicate", "round within the launch, counted from 1; 0 where nothing was timed")
    latency_ms: float | None = _metric(
        "wall time per call; on CUDA eager calls, from the first launch to the last result", "ms", positive=True
    )
    cpu_ms: float | None = _metric("CPU time of all threads per call", "ms")
    device_ms: float | None = _metric("time on the GPU per call, by events", "ms")
    host_ms: float | None = _metric("time the CPU needs to launch a call on the GPU", "ms")
    tokens_per_s: float | None = _metric("batch × tokens / latency", "tokens/s", "higher", positive=True)
    flops: int | None = _metric("floating-point operations per call, multiply-add = 2", "FLOP")
    gflops_per_s: float | None = _metric("flops / latency", "GFLOP/s", "higher")
    params: int | None = _metric("parameters of what was measured", "parameters", "")
    peak_memory_mib: float | None = _metric(
        "peak of live tensors in a call: parameters, input, output, gradients included", "MiB"
    )
    peak_reserved_mib: float | None = _metric("peak reserved by the GPU allocator in a call", "MiB")
    peak_rss_mib: float | None = _metric("growth of the resident set of a fresh process that builds and calls it once", "MiB")
    energy_j: float | None = _metric("energy per call, from a meter", "J")
    operators: int | None = _metric("operators that compute (views are not counted) per call", "operators")
    allocated_mib: float | None = _metric("sum of all allocations in a call", "MiB")
    page_faults: float | None = _column("observation", "minor page faults per call", "faults", default=None)
    context_switches: int | None = _column("observation", "involuntary context switches in the block", "switches", default=None)
    steal_ms: float | None = _column(
        "observation", "time that the hypervisor took from this machine in the block", "ms", default=None
    )
    sm_clock_mhz: float | None = _column("observation", "clock of the GPU after the block", "MHz", default=None)
    variant: str = _column("observation", "what actually ran: grouping, hidden size, attention kernel", default="")
    uncounted_operators: str = _column("observation", "operators that ran but are not in flops, by name", default="")
    rounds: int = _column("observation", "rounds of this launch", "rounds", default=1)
    stopped_by: str = _column("observation", "why the launch stopped: precision or budget", default="")
    quality: str = _column("observation", "clean, contended (others ran beside it) or throttled (GPU clock)", default="")
    status: str = _column("outcome", "ok, unsupported, diverged, oom, timeout, killed or error", default="ok")
    detail: str = _column("outcome", "why the status is not ok, or why a metric is empty", default="")
    environment: str = _column("outcome", "hash of what is stable about the machine and the software: environments/HASH.json")
    measured_at: str = _column("outcome", "start of the measuring process, UTC, ISO 8601")
    schema: int = _column("outcome", "version of the table", default=SCHEMA)


@dataclass(frozen=True, kw_only=True)
class LaunchRow(Row):
    """launches.csv: what varied from launch to launch, one row per launch and shape."""

    scope: str = _column("key", "as in speed.csv")
    mode: str = _column("key", "as in speed.csv")
    tokens: int = _size("as in speed.csv", "tokens")
    width: int = _size("as in speed.csv", "channels")
    batch: int = _size("as in speed.csv", "sequences")
    dtype: str = _column("key", "as in speed.csv")
    device: str = _column("key", "as in speed.csv")
    threads: int = _size("as in speed.csv", "threads")
    compiled: bool = _column("key", "as in speed.csv")
    launch: int = _column("replicate", "as in speed.csv")
    calibration_ms: float | None = _metric(
        "median wall time of the fixed calibration workload, one round each", "ms", positive=True
    )
    calibration_cpu_ms: float | None = _metric("median CPU time of the same", "ms")
    peak_gflops_per_s: float | None = _metric(
        "best rate of a large matrix product in this launch, this dtype", "GFLOP/s", "higher", positive=True
    )
    bandwidth_gb_per_s: float | None = _metric(
        "best rate of a large copy in this launch, bytes read and written", "GB/s", "higher", positive=True
    )
    load: float | None = _column("observation", "load average over one minute at the start", "processes", default=None)
    available_mib: float | None = _column("observation", "memory available at the start", "MiB", default=None)
    cpu_mhz: float | None = _column("observation", "mean clock of the cores at the start", "MHz", default=None)
    allocator: str = _column("observation", "retained (freed memory is kept by the process) or default", default="")
    denormals: str = _column("observation", "flushed or kept: whether the CPU accepted flushing", default="")
    parallel: str = _column("observation", "threads and OpenMP or MKL version as torch reports them", default="")
    commit: str = _column("observation", "git commit of the working directory, -dirty with changes", default="")
    environment: str = _column("outcome", "as in speed.csv")
    measured_at: str = _column("outcome", "as in speed.csv; equal for rows of one process")
    schema: int = _column("outcome", "version of the table", default=SCHEMA)


TABLES: dict[str, type[Row]] = {"speed": SpeedRow, "launches": LaunchRow}


def columns(row_type: type[Row]) -> dict[str, Column]:
    """Columns of a table in the order of the CSV."""
    return {field.name: field.metadata["column"] for field in dataclasses.fields(row_type)}


def identity(row: Row) -> tuple[Any, ...]:
    """What makes two rows repetitions of one cell: the keys and the environment."""
    return tuple(getattr(row, name) for name in _layout(type(row)).identity)


def to_record(row: Row) -> dict[str, str]:
    """The row as it stands in the CSV: empty for None, true or false, floats to nine digits."""
    return {name: _to_text(getattr(row, name)) for name in _layout(type(row)).kinds}


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, ".9g") if isinstance(value, float) else str(value)


def from_record(row_type: type[RowType], record: Mapping[str, str]) -> RowType:
    """A row from its CSV record; a column that is missing takes its default. Raises ValueError naming the column."""
    layout = _layout(row_type)
    values: dict[str, Any] = {}
    name = ""
    try:
        for name, read in layout.readers.items():
            if name in record:
                values[name] = read(record[name])
            elif name in layout.defaults:
                values[name] = layout.defaults[name]
    except ValueError as error:
        raise ValueError(f"column {name}: cannot read {record[name]!r}") from error
    if len(values) < len(layout.kinds):
        raise ValueError(f"columns are missing: {', '.join(name for name in layout.kinds if name not in values)}")
    # a third faster than row_type(**values), which sets every frozen field on its own
    row = object.__new__(row_type)
    vars(row).update(values)
    row.__post_init__()
    return row


def canonical_json(values: Mapping[str, Any]) -> str:
    """JSON that is equal for equal values: sorted keys, no spaces. Raises ValueError for a number that is not finite."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("not true or false")
    return text.lower() == "true"


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else None


_READERS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float, bool: _read_flag}


@dataclass(frozen=True)
class _Layout:
    """What is derived from the fields of a row type: in each, the names are in the order of the CSV."""

    kinds: dict[str, tuple[type, ...]]
    readers: dict[str, Callable[[str], Any]]
    defaults: dict[str, Any]
    metrics: tuple[str, ...]
    positive: tuple[str, ...]
    identity: tuple[str, ...]


_LAYOUTS: dict[type[Row], _Layout] = {}


def _layout(row_type: type[Row]) -> _Layout:
    """Derived once per row type: thousands of rows are read and checked at a time."""
    if row_type not in _LAYOUTS:
        hints = typing.get_type_hints(row_type)
        table = columns(row_type)
        kinds: dict[str, tuple[type, ...]] = {name: typing.get_args(hints[name]) or (hints[name],) for name in table}
        _LAYOUTS[row_type] = _Layout(
            kinds={name: (*some, int) if float in some else some for name, some in kinds.items()},
            readers={
                name: _optional(_READERS[some[0]]) if NoneType in some else _READERS[some[0]] for name, some in kinds.items()
            },
            defaults={field.name: field.default for field in dataclasses.fields(row_type) if field.default is not MISSING},
            metrics=tuple(name for name, column in table.items() if column.role == "metric"),
            positive=tuple(name for name, column in table.items() if column.positive),
            identity=(*(name for name, column in table.items() if column.role == "key"), "environment"),
        )
    return _LAYOUTS[row_type]


def dictionary(row_type: type[Row]) -> str:
    """The data dictionary of a table as a Markdown table."""
    lines = ["| column | role | unit | better | meaning |", "| --- | --- | --- | --- | --- |"]
    for name, column in columns(row_type).items():
        lines.append(f"| `{name}` | {column.role} | {column.unit} | {column.better} | {column.meaning} |")
    return "\n".join(lines)
