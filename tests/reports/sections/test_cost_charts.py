"""The charts of a cost on a page: what weakens a number is seen where it is drawn, and told when it is pointed at."""

from __future__ import annotations

import pytest
from sample_costs import cost_with_disturbed

from mixbench.reports.charts.looks import looks_of
from mixbench.reports.sections.cost_charts import cost_charts
from mixbench.verdicts.speed.blocks import DISTURBED


@pytest.mark.parametrize("disturbed", [(), ("hypermixer",)])
def test_disturbed_times_are_pale_and_hollow_and_told(disturbed: tuple[str, ...]) -> None:
    cost = cost_with_disturbed(disturbed)
    (chart,) = cost_charts("cost-1", cost, looks_of(cost.mixers.values(), [*cost.mixers.values()]), "")
    drawn = [trace for trace in chart.traces if trace.get("customdata")]
    told = {str(trace["customdata"][0]) for trace in drawn if "disturbed" in str(trace["customdata"])}
    weak = [trace for trace in drawn if trace.get("opacity") or "open" in str(trace.get("marker", {}).get("symbol"))]
    assert {str(trace["customdata"][0]) for trace in weak if trace["name"] == "hypermixer"} == told
    assert len(told) == 2 * len(disturbed)
    why = " or ".join(["only a bound is known", *([DISTURBED] if disturbed else [])])
    assert f"Pale bars and hollow markers: {why}." in chart.caption
