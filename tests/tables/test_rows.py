from __future__ import annotations

import pytest

from mixbench.tables.columns import FAILURES, STATUSES, columns
from mixbench.tables.rows import TABLES
from mixbench.tables.training_rows import TrainingRow, TrialRow


def test_every_unit_in_a_column_name_is_the_unit_of_the_column() -> None:
    units = {"_ms": "ms", "_mib": "MiB", "_j": "J", "_mhz": "MHz", "gflops_per_s": "GFLOP/s", "gb_per_s": "GB/s"}
    named = [
        (name, column.unit, unit)
        for row_type in TABLES.values()
        for name, column in columns(row_type).items()
        for ending, unit in units.items()
        if name.endswith(ending)
    ]
    assert len(named) > 12
    assert [name for name, unit, expected in named if unit != expected] == []


def test_every_metric_has_a_unit_and_every_table_its_outcome() -> None:
    for row_type in TABLES.values():
        table = columns(row_type)
        assert all(column.unit for column in table.values() if column.role == "metric")
        assert {"environment", "measured_at", "schema"} <= {n for n, c in table.items() if c.role == "outcome"}
    assert set(FAILURES) < set(STATUSES)


ORDER = {
    "speed": """mixer config scope mode tokens width batch dtype device threads compiled execution settings launch round
        latency_ms cpu_ms device_ms host_ms tokens_per_s flops gflops_per_s params peak_memory_mib peak_reserved_mib
        peak_rss_mib energy_j operators moved_mib allocated_mib state_mib compile_s page_faults context_switches steal_ms
        core_wait_ms sm_clock_mhz variant uncounted_operators rounds stopped_by quality status detail environment measured_at
        schema""",
    "launches": """scope mode tokens width batch dtype device threads compiled execution launch calibration_ms
        calibration_cpu_ms peak_gflops_per_s bandwidth_gb_per_s others_cores load available_mib cpu_mhz allocator denormals
        parallel commit environment measured_at schema""",
    "data_efficiency": """task mixer config layers width tokens train_size device settings seed dev_score test_score
        test_standard_error train_seconds train_flops steps examples_seen best_step params peak_memory_mib state_mib score
        learning_rate dropout fraction test_examples constant_score classes dev_scores checkpoint status detail environment
        measured_at schema""",
    "tuning": """task mixer config layers width tokens train_size device settings seed dev_score test_score
        test_standard_error train_seconds train_flops steps examples_seen best_step params peak_memory_mib state_mib score
        learning_rate dropout fraction test_examples constant_score classes dev_scores checkpoint status detail environment
        measured_at schema trial sampled""",
    "attention_map": """task mixer config layers width tokens train_size device settings seed example right_share
        chance_share distant_share test_score reach score learning_rate checkpoint map_file status detail environment
        measured_at schema""",
    "pairs": """mixer config scope mode tokens width batch dtype device planted_percent pair base_ms head_ms log_ratio
        wall_log_ratio rounds load status detail environment measured_at schema""",
}
"""The columns of the CSVs that people have."""


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_of_a_table_stay_in_their_order(table: str) -> None:
    assert list(columns(TABLES[table])) == ORDER[table].split()


def test_a_table_that_extends_another_one_adds_its_columns_at_the_end() -> None:
    assert list(columns(TrialRow)) == [*columns(TrainingRow), "trial", "sampled"]
    assert columns(TrialRow)["seed"].role == "key"


def test_columns_of_one_name_are_called_the_same_in_every_table() -> None:
    words: dict[str, set[str]] = {}
    for row_type in TABLES.values():
        for name, column in columns(row_type).items():
            words.setdefault(name, set()).add(column.words)
    assert {name: found for name, found in words.items() if len(found) > 1} == {}
