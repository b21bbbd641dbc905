"""The part of a shape on a node, without any cluster."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from run_fake_speed import FAKE, fake_request

from mixbench.execution.cargo import Unpacked
from mixbench.execution.launch import Finished
from mixbench.execution.ray_nodes import Unfit
from mixbench.machine.environment import physical_cores
from mixbench.studies.speed_portion import News, Portion, SpeedNode, only
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")
REQUEST = replace(only(fake_request(), (16, 8, 1)), mode=("inference",))
NOTHING = Unpacked("", {}, {})


def told(portion: Portion) -> list[News | Finished | Unfit]:
    return list(SpeedNode(FAKE, NOTHING).run(portion))


def rows_in(news: list[News | Finished | Unfit], kind: str = "rows") -> list[SpeedRow | LaunchRow]:
    return [row for each in news if isinstance(each, News) and each.kind == kind for row in each.content]


def test_the_rows_of_a_shape_are_told_launch_by_launch_and_then_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    news = told(Portion(REQUEST, own_threads=False))
    rows = rows_in(news)
    speed = [row for row in rows if isinstance(row, SpeedRow)]
    assert {(row.mixer, row.tokens, row.launch, row.status) for row in speed} == {
        (mixer, 16, launch, "ok") for mixer in ("attention", "hypermixer") for launch in (1, 2)
    }
    assert [row.launch for row in rows if isinstance(row, LaunchRow)] == [1, 2]
    first = next(place for place, each in enumerate(news) if isinstance(each, News) and each.kind == "rows")
    assert {row.launch for row in rows_in(news[: first + 2])} == {1}  # the other launch comes later
    assert news[-1] == Finished({})
    assert not [*tmp_path.iterdir()]  # nothing is left on the node


def test_a_shape_goes_on_from_rows_of_the_same_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    begun = rows_in(told(Portion(replace(REQUEST, launches=1), own_threads=False)))
    counted = (tmp_path / "log").read_text()
    speed = [row for row in begun if isinstance(row, SpeedRow)]
    launches = [row for row in begun if isinstance(row, LaunchRow)]
    more = rows_in(told(Portion(REQUEST, False, speed, launches)))
    assert {row.launch for row in more} == {2}
    assert (tmp_path / "log").read_text() == counted


def test_a_node_uses_its_own_cores_unless_threads_are_given() -> None:
    news = told(Portion(replace(REQUEST, threads=77, launches=1), own_threads=True))
    assert news[0] == News("threads", physical_cores())
    assert {row.threads for row in rows_in(news)} == {physical_cores()}


def test_energy_that_is_added_to_rows_is_told_as_changed_rows() -> None:
    news = told(Portion(replace(REQUEST, launches=1, energy=True), own_threads=False))
    changed = rows_in(news, "changed")
    assert {row.energy_j for row in changed if isinstance(row, SpeedRow)} == {16.0}
    assert len(changed) == len([row for row in rows_in(news) if isinstance(row, SpeedRow)])


def test_a_node_that_cannot_measure_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CELLS", json.dumps({"MultiheadAttention": "raise-at-import", "HyperMixer": "raise-at-import"}))
    monkeypatch.setenv("FAKE_FAULT", "1")
    ended = told(Portion(replace(REQUEST, device=("cuda",)), own_threads=False))[-1]
    assert isinstance(ended, Unfit)
    assert "no such class" in ended.reason
