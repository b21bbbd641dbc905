"""What programs get of speed.csv."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from synthetic import speed_rows

from mixbench.tables.remarks import lower_bound, unknown
from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.summary import summarise


def test_the_summary_survives_json() -> None:
    summary = summarise(*speed_rows(failures={("none", 64): ("error", "boom")}))
    plain = json.loads(json.dumps(to_json(summary), allow_nan=False))
    first = plain["cells"][0]
    assert first["config"] == {"heads": 4}
    assert first["context"]["settings"] == {}
    assert first["latency_ms"]["point"] == summary.cells[0].latency_ms.point  # type: ignore[union-attr]
    assert len(plain["cells"]) == len(summary.cells)


JSON_OF_A_CELL = """mixer config label context tokens status detail remarks failed_launches launch_ms time_ms latency_ms ratio
    paired disturbed wall_disturbed ratio_disturbed uneven remembers host_bound bound_by matched mean_ms device_ms tokens_per_s
    cpu_ms peak_memory_mib moved_mib flops flops_mark flops_remark gflops_per_s share_of_peak share_of_bandwidth
    peak_gflops_per_s energy_j compile_s clean_share params state_mib baseline"""


def test_programs_find_every_value_of_a_cell_under_its_name() -> None:
    rows, launches = speed_rows(("attention",), (64,), launches=2, rounds=1)
    summary = summarise(rows, launches)
    (plain,) = to_json(summary)["cells"]
    assert sorted(plain) == sorted(JSON_OF_A_CELL.split())
    (found,) = summary.cells
    assert plain["launch_ms"] == {row.launch: row.latency_ms for row in rows}
    assert plain["peak_memory_mib"] == found.value("peak_memory_mib") == rows[0].peak_memory_mib
    assert plain["energy_j"] is None


COUNTS: dict[str, tuple[int | None, str, str | None]] = {
    "exact": (1000, "energy_j: no meter", ""),
    "lower bound": (1000, lower_bound("flops", ["foo"]), "≥"),
    "unknown": (None, unknown("flops", "on cpu: it died"), "unknown"),
    "not counted": (None, "", None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_mark_of_a_count_goes_with_it_to_programs_and_tables(name: str) -> None:
    flops, detail, mark = COUNTS[name]
    rows, launches = speed_rows(("attention",), (64,), launches=2, rounds=1)
    summary = summarise([replace(row, flops=flops, detail=detail) for row in rows], launches)
    (plain,), found = to_json(summary)["cells"], records(summary)[0]
    for record in (plain, found):
        assert (record["flops"], record["flops_mark"]) == (flops, mark)
        assert record["flops_remark"] == (detail if mark else "")


def test_records_have_a_line_per_cell_and_one_per_growth() -> None:
    summary = summarise(*speed_rows(failures={("none", 64): ("error", "boom")}))
    found = records(summary)
    cells, growths = ([record for record in found if record["table"] == table] for table in ("cells", "growth"))
    assert [(record["mixer"], record["tokens"]) for record in cells] == [(cell.label, cell.tokens) for cell in summary.cells]
    assert [record["exponent"] for record in growths] == [growth.exponent.point for growth in summary.growths]
    first, failed = cells[0], cells[2]
    assert summary.cells[0].latency_ms is not None
    assert first["latency_ms_low"] == summary.cells[0].latency_ms.low
    assert first["flops"] == summary.cells[0].value("flops")
    assert (failed["status"], failed["detail"], failed["latency_ms"]) == ("error", "boom", None)
