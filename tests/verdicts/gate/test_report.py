from dataclasses import replace

import pytest
from sample_rows import speed_row
from sample_version import measured

from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.comparison import exit_code
from mixbench.verdicts.gate.report import STATES, Entry, report


@pytest.mark.parametrize(("status", "part"), [("ok", "measures"), ("oom", "failures"), ("unsupported", "unmeasured")])
def test_a_cell_is_called_as_in_the_comparison_with_a_base_that_has_more(status: str, part: str) -> None:
    shared, more = ('{"allocator":"retained"}', '{"allocator":"default"}')
    metrics = {"flops": 100} if status == "ok" else {}
    head = measured(speed_row(settings=shared, status=status, **metrics))
    base = measured(*(speed_row(settings=settings, flops=100) for settings in (shared, more)), name="base")
    made = report(head, compare(base, head), base)
    (cell,) = {measure.cell for measure in getattr(made, part)}
    assert cell.endswith("allocator=retained")
    assert cell in [entry.cell for entry in made.entries]
    assert len(made.entries) == 2


def test_only_the_newest_environment_of_a_table_is_reported_and_the_rest_is_mentioned() -> None:
    old = speed_row(environment="old", measured_at="2025-01-01T00:00:00Z", latency_ms=1.0)
    new = speed_row(environment="new", measured_at="2025-01-02T00:00:00Z", latency_ms=2.0)
    for rows in ((new, old), (old, new)):
        made = report(measured(*rows))
        assert [measure.value for measure in made.measures if measure.metric == "latency_ms"] == [2.0]
        assert list(made.remarks) == [
            "speed.csv: a CPU, 4 cores, 8 GiB",
            "left out: 1 row of speed.csv from another environment; to export them: --environment old",
        ]
    assert not report(measured(new)).remarks


def row(**changes: object) -> SpeedRow:
    return speed_row(**{"flops": 100, **changes})


def failed(status: str = "oom") -> SpeedRow:
    return speed_row(status=status, detail="why")


@pytest.mark.parametrize(
    ("base", "head", "state"),
    [
        ([row()], [row()], "undecided"),  # no time to compare
        ([row()], [failed()], "broken"),
        ([failed()], [failed()], "failed before"),
        ([failed("unsupported")], [failed("unsupported")], "unsupported"),
        ([failed()], [row()], "new"),
        ([row()], [row(), row(mixer="none")], "new"),
        ([row()], [row(), replace(failed(), mixer="none")], "broken"),
        ([row()], [row(), replace(failed("diverged"), mixer="none")], "diverged"),
        ([row(), row(mixer="none")], [row()], "missing"),
        ([row()], [row(flops=101)], "slower"),
    ],
)
def test_the_state_of_a_cell_is_its_verdict_unless_that_hides_a_failure(
    base: list[SpeedRow], head: list[SpeedRow], state: str
) -> None:
    versions = measured(*base, name="base"), measured(*head)
    entries = report(versions[1], compare(*versions), versions[0]).entries
    names = {entry.state for entry in entries}
    assert state in names
    assert names <= {state, "undecided"}
    assert len(entries) == len({(row.mixer) for row in (*base, *head)})


@pytest.mark.parametrize(
    ("rows", "state"), [([row()], "measured"), ([failed()], "failed"), ([failed("unsupported")], "unsupported")]
)
def test_without_a_comparison_a_cell_is_measured_or_failed(rows: list[SpeedRow], state: str) -> None:
    made = report(measured(*rows))
    assert [entry.state for entry in made.entries] == [state]
    assert made.passes == (state != "failed")


def test_a_failure_on_a_machine_that_was_not_compared_is_not_lost() -> None:
    head = measured(failed())
    comparison = compare(measured(row(), name="base", cpu="another CPU"), head)
    assert not comparison.cells
    assert [entry.state for entry in report(head, comparison).entries] == ["failed"]


def test_what_was_measured_but_not_compared_does_not_pass_for_compared() -> None:
    head = measured(row())
    comparison = compare(measured(row(), name="base", cpu="another CPU"), head)
    assert not report(head, comparison).entries


@pytest.mark.parametrize("head", [[row()], [row(flops=101)], [row(flops=99)], [row(mixer="none")]])
def test_a_report_passes_where_the_gate_does(head: list[SpeedRow]) -> None:
    comparison = compare(measured(row(), name="base"), measured(*head))
    assert report(measured(*head), comparison).passes == (exit_code(comparison) == 0)


def test_the_most_important_cells_come_first_and_say_why_once() -> None:
    base = measured(*(row(mixer=name) for name in ("attention", "none", "fnet")), name="base")
    head = measured(row(mixer="attention"), replace(failed(), mixer="none"), row(mixer="fnet", flops=101))
    entries = report(head, compare(base, head), base).entries
    assert [entry.state for entry in entries] == sorted((entry.state for entry in entries), key=list(STATES).index)
    assert entries[0].reason == "oom: why"


def test_every_entry_keeps_what_was_judged() -> None:
    both = measured(row())
    (entry,) = report(both, compare(both, both)).entries
    assert isinstance(entry, Entry)
    assert entry.compared is not None
    assert [judgement.metric for judgement in entry.compared.judgements] == ["cpu_per_calibration", "flops"]
