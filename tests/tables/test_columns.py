from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
import typing
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rows import SOUND

from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import STATUSES, Row, columns, from_record, identity, to_record
from mixbench.tables.fields import Refines
from mixbench.tables.rows import TABLES
from mixbench.tables.shared_columns import SCHEMA
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.values import LARGEST, SMALLEST

BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0")),
    int: st.integers(-(2**60), 2**60),
    bool: st.booleans(),
    float | None: st.none() | st.floats(-LARGEST, LARGEST),
    int | None: st.none() | st.integers(0, 2**60),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
OBJECTS = st.dictionaries(TEXTS, st.none() | TEXTS | st.integers(-9, 9), max_size=3).map(canonical_json)
TRAINED = {"task": "shapes", "layers": 1, "train_size": 10, "seed": 0}
PAIRED = {"planted_percent": 5, "pair": 1}
TRIED = {"trial": 1}
MAPPED = {"example": 3}
NOT_FINITE = (math.nan, math.inf, -math.inf)
METRICS = [name for name, column in columns(SpeedRow).items() if column.role == "metric"]


def _positive(value: float | None) -> float | None:
    least = SMALLEST if isinstance(value, float) else 1
    return None if value is None else max(abs(value), least)


def _refined(name: str, refines: Refines, drawn: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(refines.allowed(drawn[refines.older])).map(lambda value: {**drawn, name: value})


def values_of(row_type: type[Row]) -> st.SearchStrategy[dict[str, Any]]:
    """Values of every column that the type allows; a value of a metric only where the status is ok."""
    hints = typing.get_type_hints(row_type)
    values = st.fixed_dictionaries(
        {
            name: OBJECTS
            if column.json is not None
            else BY_TYPE[hints[name]].map(_positive)
            if column.positive
            else BY_TYPE[hints[name]]
            for name, column in columns(row_type).items()
        }
    )
    for name, column in columns(row_type).items():
        if column.refines:
            values = values.flatmap(partial(_refined, name, column.refines))
    if "status" not in columns(row_type):
        return values
    metrics = dict.fromkeys(name for name, column in columns(row_type).items() if column.role == "metric")
    statuses = st.sampled_from([{"status": "ok"}, *({"status": name, **metrics} for name in STATUSES)])
    return st.builds(lambda drawn, status: {**drawn, **status}, values, statuses)


ANY_ROW = st.sampled_from(list(TABLES.values())).flatmap(
    lambda row_type: values_of(row_type).map(lambda values: row_type(**values))
)


def to_nine_digits(row: Row) -> dict[str, Any]:
    return {
        name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in dataclasses.asdict(row).items()
    }


def through_csv(record: dict[str, str]) -> dict[str, str]:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([record.keys(), record.values()])
    header, fields = csv.reader(text.getvalue().split("\n")[:2])
    return dict(zip(header, fields, strict=True))


@given(ANY_ROW)
def test_a_row_comes_back_from_a_line_of_csv_to_nine_digits(row: Row) -> None:
    back = from_record(type(row), through_csv(to_record(row)))
    assert dataclasses.asdict(back) == to_nine_digits(row)
    assert identity(back) == identity(row)
    assert to_record(back) == to_record(row)


def test_a_row_that_was_read_has_its_columns_in_order() -> None:
    read = from_record(SpeedRow, dict(reversed(to_record(SpeedRow(**SOUND)).items())))
    assert list(vars(read)) == list(columns(SpeedRow)) == list(to_record(read))
    assert read == SpeedRow(**SOUND)
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.tokens = 3  # type: ignore[misc]


def test_records_are_plain_text() -> None:
    record = to_record(SpeedRow(**{**SOUND, "compiled": True, "latency_ms": 1 / 3, "flops": 10**12, "cpu_ms": 2}))
    assert record["compiled"] == "true"
    assert record["latency_ms"] == "0.333333333"
    assert record["flops"] == "1000000000000"
    assert record["cpu_ms"] == "2"
    assert record["energy_j"] == ""
    assert record["schema"] == str(SCHEMA)


@pytest.mark.parametrize("name", ["tokens", "width", "batch", "threads", "latency_ms", "tokens_per_s"])
def test_a_size_or_a_time_of_zero_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, not above 0"):
        SpeedRow(**{**SOUND, name: 0})


@pytest.mark.parametrize("name", ["latency_ms", "tokens_per_s"])
def test_a_time_so_short_that_rates_would_be_infinite_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 5e-324, below 1e-30"):
        SpeedRow(**{**SOUND, name: 5e-324})
    assert SpeedRow(**{**SOUND, name: 1e-30})


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("row_type", TABLES.values())
def test_a_number_that_is_not_finite_is_refused_in_every_column(row_type: type[Row], value: float) -> None:
    hints = typing.get_type_hints(row_type)
    sound = {
        name: str(value)
        for name, value in {**SOUND, **TRAINED, **PAIRED, **TRIED, **MAPPED}.items()
        if name in columns(row_type)
    }
    numbers = [name for name in columns(row_type) if hints[name] == float | None]
    assert len(numbers) >= 5
    for name in numbers:
        with pytest.raises(ValueError, match=f"{name} is {value}, not a finite number"):
            from_record(row_type, {**sound, name: str(value)})


def refused(match: str, **changes: Any) -> None:
    with pytest.raises(ValueError, match=match):
        SpeedRow(**{**SOUND, **changes})


def test_a_status_that_is_not_known_is_refused() -> None:
    refused("status is 'failed', not one of ok, unsupported", status="failed")


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "ok"])
def test_a_cell_that_is_not_ok_has_no_metrics(status: str) -> None:
    for name in METRICS:
        refused(f"{name} has a value, but the status is {status}", status=status, **{name: 1})
    kept = SpeedRow(**SOUND, status=status, detail="why", page_faults=3.0, quality="clean")
    assert kept.status == status


@pytest.mark.parametrize(("compiled", "meant"), [(False, "eager"), (True, "compiled")])
def test_a_row_from_before_a_column_that_says_more_has_what_the_older_column_meant(compiled: bool, meant: str) -> None:
    record = to_record(SpeedRow(**{**SOUND, "compiled": compiled}))
    assert record["execution"] == meant
    del record["execution"]
    assert from_record(SpeedRow, record).execution == from_record(SpeedRow, {**record, "execution": ""}).execution == meant


def test_a_column_that_says_more_than_an_older_one_agrees_with_it() -> None:
    assert not SpeedRow(**SOUND, execution="graph").compiled
    for execution, compiled in (("graph", True), ("compiled", False), ("fast", False)):
        refused(f"execution is '{execution}', but compiled is {str(compiled).lower()}", execution=execution, compiled=compiled)


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0", "\ud800"])
def test_text_that_does_not_fit_on_one_line_of_utf8_is_refused(text: str) -> None:
    refused("detail holds a line break, a NUL or half a surrogate pair", detail=text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 64.0),
        ("tokens", True),
        ("tokens", "64"),
        ("tokens", None),
        ("compiled", 1),
        ("mixer", None),
        ("mixer", b"attention"),
        ("flops", 1.5),
        ("latency_ms", True),
        ("latency_ms", "1"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: object) -> None:
    refused(f"{name} is .*, not ", **{name: value})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokens", ""),
        ("tokens", "64.0"),
        ("compiled", "yes"),
        ("compiled", ""),
        ("latency_ms", "fast"),
        ("flops", "1e3"),
        ("flops", "1.5"),
        ("config", ""),
        ("config", "[1]"),
        ("config", '{"a":NaN}'),
        ("settings", "{"),
        ("settings", '{"task":7}'),
        ("settings", '{"task":{"options":[]}}'),
        ("settings", '{"searched":null}'),
    ],
)
def test_text_that_cannot_be_read_names_its_column(name: str, text: str) -> None:
    record = {**to_record(SpeedRow(**SOUND)), name: text}
    with pytest.raises(ValueError, match=re.escape(f"column {name}: cannot read {text!r}")):
        from_record(SpeedRow, record)


def test_json_without_end_is_quoted_in_part() -> None:
    record = {**to_record(SpeedRow(**SOUND)), "settings": "[" * 10**6}
    with pytest.raises(ValueError, match="column settings: cannot read") as caught:
        from_record(SpeedRow, record)
    assert len(str(caught.value)) < 100


def test_whole_numbers_are_read_as_pandas_writes_a_column_with_gaps() -> None:
    row = SpeedRow(**SOUND, flops=4194304, params=0)
    record = {**to_record(row), "flops": "4194304.0", "params": "0.00"}
    assert from_record(SpeedRow, record) == row


@pytest.mark.parametrize(("name", "value"), [("operators", 10**31), ("operators", -(10**400)), ("cpu_ms", 1.1e30)])
def test_a_number_beyond_all_measurements_is_refused(name: str, value: float) -> None:
    refused(rf"{name} is .{{5,60}}, beyond 1e\+30", **{name: value})


def test_a_missing_column_takes_its_default_and_the_others_are_named() -> None:
    record = to_record(SpeedRow(**SOUND))
    for name in ("latency_ms", "variant", "rounds", "status"):
        del record[name]
    assert from_record(SpeedRow, record) == SpeedRow(**SOUND)
    del record["mixer"], record["environment"]
    with pytest.raises(ValueError, match=r"columns are missing: mixer, environment$"):
        from_record(SpeedRow, record)


def test_a_cell_is_identified_by_keys_and_environment_alone() -> None:
    row = SpeedRow(**SOUND)
    other: dict[Any, Any] = {str: "other", int: 7, bool: True, float | None: 7.0, int | None: 7}
    together: dict[str, Any] = {"compiled": {"compiled": True, "execution": "compiled"}, "execution": {"execution": "graph"}}
    hints = typing.get_type_hints(SpeedRow)
    for name, column in columns(SpeedRow).items():
        if name != "status":
            change = together.get(name) or {name: other[hints[name]]}
            changed = dataclasses.replace(row, **change)
            assert (identity(changed) != identity(row)) == (column.role == "key" or name == "environment"), name
