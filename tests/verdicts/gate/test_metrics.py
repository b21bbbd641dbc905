import pytest

from mixbench.verdicts.gate.metrics import DERIVED, METRICS, counts_things, metric_words


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("cpu_per_calibration", "CPU time"),
        ("device_ms", "GPU time"),
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


def test_a_derived_metric_has_a_direction_words_and_a_rule() -> None:
    assert all(column.better and column.words and column.rule for column in DERIVED.values())
