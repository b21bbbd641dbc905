from dataclasses import replace

import pytest
from sample_rows import speed_row

from mixbench.tables.remarks import lower_bound
from mixbench.verdicts.gate.metrics import DERIVED, METRICS, counts_things, metric_words, name_of


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("cpu_per_calibration", "CPU time"),
        ("device_ms", "device time"),
        ("train_flops", "training FLOPs"),
        ("peak_memory_mib", "peak memory"),
        ("operators", "operators"),
        ("status", "status"),
        ("a metric of a newer version", "a metric of a newer version"),
    ],
)
def test_a_metric_is_called_by_its_words_else_by_its_name(metric: str, name: str) -> None:
    assert metric_words(metric) == name


def test_only_what_is_called_as_its_unit_is_a_number_of_things() -> None:
    assert [metric for metric in METRICS if counts_things(metric)] == ["steps", "operators"]
    assert not counts_things("status")


def test_a_count_that_is_a_lower_bound_is_reported_under_a_name_of_its_own() -> None:
    row = speed_row(flops=100)
    bounded = replace(row, detail=lower_bound("flops", ["foo"]))
    assert (name_of("flops", [row]), name_of("flops", [row, bounded])) == ("flops", "flops_lower_bound")
    assert name_of("params", [bounded]) == "params"
    assert metric_words("train_flops_lower_bound") == "lower bound of training FLOPs"
    assert (METRICS["flops_lower_bound"].unit, METRICS["flops_lower_bound"].rule) == ("FLOP", "count")


def test_a_derived_metric_has_a_direction_words_and_a_rule() -> None:
    assert all(column.better and column.words and column.rule for column in DERIVED.values())
