from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_worker import UNUSABLE
from recorder import Recorder
from run_fake_speed import FAKE, fake_request

from mixbench.errors import RequestError
from mixbench.execution import Finished
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_contract import Contract, Subject, Verify, key
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_rows import Measured, Origin, read_group
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")


def run(
    folder: Path, request: SpeedRequest | None = None, *, fresh: bool = False, retry_failed: bool = False
) -> tuple[list[SpeedRow], Recorder]:
    progress = Recorder()
    run_speed(request or fake_request(), ResultsFolder(folder), progress, fresh=fresh, retry_failed=retry_failed, worker=FAKE)
    return ResultsFolder(folder).read(SpeedRow), progress


def fakes(monkeypatch: pytest.MonkeyPatch, **behaviours: str) -> None:
    monkeypatch.setenv("FAKE_CELLS", json.dumps(behaviours))


def test_every_cell_has_its_rounds_in_every_launch_with_counts_and_rates(tmp_path: Path) -> None:
    rows, progress = run(tmp_path)
    assert len(rows) == 2 * 3 * 2 * 2 * 3
    assert {row.launch for row in rows} == {1, 2}
    assert {row.status for row in rows} == {"ok"}
    first = rows[0]
    assert first.flops == 10**6
    assert first.latency_ms is not None
    assert first.gflops_per_s == pytest.approx(1e6 / (first.latency_ms * 1e-3) / 1e9)
    assert first.tokens_per_s == pytest.approx(first.tokens / (first.latency_ms * 1e-3))
    assert progress.finished == progress.total
    launches = ResultsFolder(tmp_path).read(LaunchRow)
    assert {row.measured_at for row in launches} == {row.measured_at for row in rows}


def test_the_highest_clock_seen_is_handed_from_group_to_group_of_a_launch(tmp_path: Path) -> None:
    rows, _ = run(tmp_path)
    seen = {launch: list(dict.fromkeys(row.sm_clock_mhz for row in rows if row.launch == launch)) for launch in (1, 2)}
    assert seen[1] == seen[2] == [None, *(1000.0 + group for group in range(1, 6))]


def test_a_second_run_measures_nothing_and_more_launches_only_the_new_ones(tmp_path: Path) -> None:
    before, _ = run(tmp_path)
    again, progress = run(tmp_path)
    assert again == before
    assert progress.total == 0
    more, _ = run(tmp_path, fake_request(launches=3))
    assert more[: len(before)] == before
    assert {row.launch for row in more[len(before) :]} == {3}


def test_fresh_replaces_the_rows_of_the_request_and_no_others(tmp_path: Path) -> None:
    before, _ = run(tmp_path)
    request = replace(fake_request(), tokens=(8,))
    after, _ = run(tmp_path, request, fresh=True)
    kept = [row for row in before if row.tokens != 8]
    assert after[: len(kept)] == kept
    assert len(after) == len(before)
    assert not {row.measured_at for row in after if row.tokens == 8} & {row.measured_at for row in before}


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        ("die", "killed", "killed by SIGKILL"),
        ("exit", "error", "exited with code 3: a library said goodbye"),
        ("raise", "error", "ValueError: planted"),
        ("hang", "timeout", "no progress for 0.3 s"),
        ("fail-count", "oom", "it needs 2 MiB, but only 1 MiB are available"),
    ],
)
def test_a_cell_that_fails_is_a_row_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, status: str, detail: str
) -> None:
    fakes(monkeypatch, HyperMixer=behaviour)
    rows, progress = run(tmp_path, fake_request(timeout=0.3))
    bad = [row for row in rows if row.mixer == "hypermixer"]
    assert len(bad) == 3 * 2
    assert {row.status for row in bad} == {status}
    assert all(detail in row.detail for row in bad)
    assert {(row.round, row.latency_ms, row.flops) for row in bad} == {(0, None, None)}
    assert len([row for row in rows if row.mixer == "attention"]) == 3 * 2 * 2 * 3
    assert len(progress.remarks) == len(bad)
    assert progress.finished == progress.total


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        ("die-at-import", "killed", "while it was imported: the measuring process was killed by SIGKILL"),
        ("hang-at-import", "timeout", "while it was imported: no progress for 0.3 s"),
        ("raise-at-import", "error", "no such module"),
    ],
)
def test_a_mixer_that_cannot_be_imported_without_harm_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, status: str, detail: str
) -> None:
    fakes(monkeypatch, HyperMixer=behaviour)
    rows, progress = run(tmp_path, fake_request(launches=1, timeout=0.3))
    assert {(row.status, row.detail) for row in rows if row.mixer == "hypermixer"} == {(status, detail)}
    assert len([row for row in rows if row.mixer == "attention" and row.status == "ok"]) == 3 * 2 * 3
    assert progress.finished == progress.total


@pytest.mark.parametrize(
    ("behaviour", "remark"),
    [
        ("raise-beside", "measured alone, because it failed in a process with other mixers: ValueError: planted"),
        ("disturb-beside", "measured alone, because it changes what other mixers share: the default dtype"),
        ("unsupported-beside", "measured alone, because it failed in a process with other mixers: no graph"),
    ],
)
def test_a_cell_that_does_not_get_on_with_others_is_measured_alone_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, remark: str
) -> None:
    fakes(monkeypatch, HyperMixer=behaviour)
    rows, progress = run(tmp_path)
    assert {row.status for row in rows} == {"ok"}
    assert len(rows) == 2 * 3 * 2 * 2 * 3
    assert {(row.mixer, row.detail) for row in rows} == {("attention", ""), ("hypermixer", remark)}
    first, second = ({row.measured_at for row in rows if row.mixer == name} for name in ("attention", "hypermixer"))
    assert not first & second
    assert {row.measured_at for row in ResultsFolder(tmp_path).read(LaunchRow)} == first | second
    assert progress.finished == progress.total
    fakes(monkeypatch)
    later = [row for row in run(tmp_path, fake_request(launches=3))[0] if row.launch == 3]
    assert {row.detail for row in later} == {""}


def test_a_cell_that_cannot_be_captured_alone_either_is_unsupported_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes(monkeypatch, HyperMixer="unsupported")
    rows, progress = run(tmp_path)
    refused = [row for row in rows if row.mixer == "hypermixer"]
    assert {(row.status, row.detail, row.launch) for row in refused} == {("unsupported", "no graph", 1)}
    assert len(refused) == 3 * 2
    assert len([row for row in rows if row.mixer == "attention" and row.status == "ok"]) == 3 * 2 * 2 * 3
    assert progress.remarks == []


def test_an_abandoned_process_that_blames_no_cell_is_an_error_of_all() -> None:
    answer = Finished({"abandoned": {"7": {}}})
    measured = read_group(plan_speed(fake_request())[:2], answer, [{}, {}], {}, Origin("here", 1, "now"), "")
    assert {outcome["status"] for outcome in measured.failed.values()} == {"error"}
    assert set(measured.failed) == {0, 1}


def test_where_it_is_not_known_who_disturbs_all_are_measured_alone_and_nobody_is_blamed() -> None:
    answer = Finished({"disturbed": "the number of threads"})
    measured = read_group(plan_speed(fake_request())[:2], answer, [{}, {}], {}, Origin("here", 1, "now"), "")
    assert measured == Measured(
        disturbing=dict.fromkeys(
            (0, 1),
            "measured alone, because one of the mixers in its process changed what they share: the number of threads",
        )
    )


@pytest.mark.parametrize("behaviour", UNUSABLE)
def test_an_answer_of_which_no_row_can_be_made_is_an_error_of_its_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    fakes(monkeypatch, HyperMixer=behaviour)
    request = replace(fake_request(launches=1), tokens=(8,), mode=("inference",))
    rows, _ = run(tmp_path, request)
    (bad,) = (row for row in rows if row.mixer == "hypermixer")
    assert bad.status == "error"
    assert bad.detail.startswith("the measuring process returned an invalid answer: ")
    assert len([row for row in rows if row.mixer == "attention" and row.status == "ok"]) == 3


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("die-count", "killed"),
        ("hang-count", "timeout"),
        ("hang-foresee", "timeout"),
        ("fail-count", "oom"),
        ("die-foresee", "ok"),
        ("die-beside-count", "ok"),
        ("disturb-count", "ok"),
        ("disturb-foresee", "ok"),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_cell_that_spoils_the_count_of_others_loses_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, status: str, device: str
) -> None:
    fakes(monkeypatch, HyperMixer=behaviour)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    request = replace(fake_request(launches=1, timeout=0.3), device=(device,), mode=("inference",))
    rows, progress = run(tmp_path, request)
    assert {row.status for row in rows if row.mixer == "hypermixer"} == {status}
    assert {row.status for row in rows if row.mixer == "attention"} == {"ok"}
    assert {(row.tokens, row.mixer) for row in rows} == {(n, m) for n in (8, 16, 32) for m in ("attention", "hypermixer")}
    assert progress.finished == progress.total
    jobs = (tmp_path / "log").read_text().splitlines()
    assert "foresee 6" in jobs
    assert ("count 6" in jobs) is (device == "cuda" and behaviour != "hang-foresee")
    assert len(jobs) <= 14


def test_cells_that_differ_only_in_eager_or_graph_share_their_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    kinds = ("eager", "graph", "compiled")
    request = replace(fake_request(1), device=("cuda",), execution=kinds, tokens=(8,), mode=("training",))
    rows, _ = run(tmp_path, request)
    assert {(row.execution, row.mixer, row.flops) for row in rows} == {
        (execution, mixer, 10**6) for execution in kinds for mixer in ("attention", "hypermixer")
    }
    assert (tmp_path / "log").read_text().splitlines() == ["foresee 4", "count 4"]
    monkeypatch.setenv("FAKE_CELLS", json.dumps({"HyperMixer": "fail-count"}))
    failed, _ = run(tmp_path, request, fresh=True)
    assert [row.execution for row in failed if row.status == "oom"] == ["eager", "graph", "compiled"]


def test_failed_cells_count_as_finished_until_they_are_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes(monkeypatch, HyperMixer="die")
    failed, _ = run(tmp_path)
    fakes(monkeypatch)
    assert run(tmp_path)[0] == failed
    mended, _ = run(tmp_path, retry_failed=True)
    assert {row.status for row in mended} == {"ok"}
    assert len(mended) == 2 * 3 * 2 * 2 * 3


def test_a_request_that_torch_refuses_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAULT", "1")
    with pytest.raises(RequestError, match="no such class"):
        run(tmp_path)
    assert ResultsFolder(tmp_path).read(SpeedRow) == []


def test_a_mixer_that_fits_no_shape_is_refused_and_one_that_fits_some_has_unsupported_cells(tmp_path: Path) -> None:
    mixers = choose_mixers(["attention:heads=3", "none"])
    with pytest.raises(RequestError, match="3 heads do not divide the width"):
        plan_speed(replace(fake_request(), mixers=mixers))
    several = choose_mixers(["attention:heads=3", "none", "based:heads=3", "fnet", "rwkv7:heads=3"])
    with pytest.raises(RequestError, match=r"3 heads do not divide the width; nor can based, rwkv7 have their shapes"):
        plan_speed(replace(fake_request(), mixers=several))
    rows, _ = run(tmp_path, replace(fake_request(), mixers=mixers, width=(8, 9)))
    attention = {(row.width, row.status) for row in rows if row.mixer == "attention"}
    assert attention == {(8, "unsupported"), (9, "ok")}


def test_graphs_are_unsupported_on_a_cpu_beside_a_gpu_and_refused_without_one() -> None:
    both = replace(fake_request(), execution=("eager", "graph"), device=("cpu", "cuda"))
    cells = plan_speed(both)
    found = {(cell.keys["device"], cell.keys["execution"], cell.keys["compiled"], cell.unsupported) for cell in cells}
    no_graphs = "the CPU has no graphs that could be replayed"
    assert found == {
        ("cpu", "eager", False, ""),
        ("cpu", "graph", False, no_graphs),
        ("cuda", "eager", False, ""),
        ("cuda", "graph", False, ""),
    }
    assert {cell.job["execution"] for cell in cells} == {"eager", "graph"}
    assert len({cell.group for cell in cells}) == len(cells) / 2
    assert {cell.keys["compiled"] for cell in plan_speed(replace(both, execution=("compiled",)))} == {True}
    with pytest.raises(RequestError, match="--execution graph replays CUDA graphs, and --device is cpu") as error:
        replace(both, device=("cpu",))
    assert error.value.hint == "Add --device cuda, or leave graph out."


def test_caches_are_flushed_where_their_size_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    cold = replace(fake_request(), caches="cold", device=("cpu", "cuda"))
    monkeypatch.setattr("mixbench.studies.speed_plan.last_level_cache_bytes", lambda: 2**20)
    for cell in plan_speed(cold):
        assert (json.loads(cell.keys["settings"])["caches"], cell.job["caches"], cell.unsupported) == ("cold", "cold", "")
    monkeypatch.setattr("mixbench.studies.speed_plan.last_level_cache_bytes", lambda: None)
    reasons = {cell.keys["device"]: cell.unsupported for cell in plan_speed(cold)}
    assert reasons == {"cpu": "the caches cannot be flushed: this system does not tell their size", "cuda": ""}


@pytest.mark.parametrize(
    ("name", "value"),
    [("launches", 0), ("precision", 0.0), ("budget", float("nan")), ("timeout", -1.0), ("seed", 2**31), ("device", ("tpu",))],
)
def test_options_out_of_range_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(RequestError, match=name):
        replace(fake_request(), **{name: value})


def test_the_settings_say_what_is_pinned_and_the_config_stays_symbolic() -> None:
    cell = plan_speed(replace(fake_request(), scope=("model",)))[-1]
    assert json.loads(cell.keys["config"])["hidden"] == "2*width"
    settings = json.loads(cell.keys["settings"])
    assert settings["allocator"] == "retained"
    assert settings["layers"] == 1
    assert settings["tf32"] is False


def test_a_mixer_that_cannot_be_causal_gets_rows_of_its_own_and_is_not_measured(tmp_path: Path) -> None:
    before, _ = run(tmp_path, fake_request(mixers=("fnet",)))
    causal = choose_mixers(("fnet", "none"), causal=True, skip_unsupported=True)
    rows, progress = run(tmp_path, replace(fake_request(), mixers=causal))
    assert rows[: len(before)] == before
    new = [row for row in rows[len(before) :] if row.mixer == "fnet"]
    assert [(row.status, row.detail, row.round) for row in new] == [("unsupported", "fnet cannot be causal", 0)] * 6
    assert {row.config for row in new}.isdisjoint(row.config for row in before)
    assert {row.status for row in rows if row.mixer == "none"} == {"ok"}
    assert not any("fnet" in remark for remark in progress.remarks)


def test_a_built_in_mixer_that_fails_its_contract_is_not_timed_and_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        Contract, "read", lambda self: self.faults.update({key(choose_mixers(["attention"])[0]): "is causal: no"})
    )
    rows, _ = run(tmp_path)
    refused = [row for row in rows if row.mixer == "attention"]
    assert {(row.status, row.detail) for row in refused} == {("error", "it fails its contract: is causal: no")}
    assert {row.status for row in rows if row.mixer != "attention"} == {"ok"}


def test_a_mixer_of_a_user_that_fails_its_contract_is_measured_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    mixers = ("attention", f"{tmp_path}/mine.py:Mine")
    fault = {key(choose_mixers(mixers)[1]): "is causal: no; not at all"}
    monkeypatch.setattr(Contract, "read", lambda self: self.faults.update(fault))
    rows, progress = run(tmp_path / "results", fake_request(mixers=mixers))
    assert {row.status for row in rows} == {"ok"}
    told = "it fails its contract: is causal: no, not at all"
    assert {(row.mixer, row.detail) for row in rows} == {("attention", ""), ("mine.py:Mine", told)}
    assert progress.remarks == [f"mine.py:Mine: {told}. It is measured, but the numbers may mislead."]
    assert run(tmp_path / "results", fake_request(mixers=mixers))[1].remarks == []


def test_a_fault_in_half_precision_is_told_only_where_that_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    mixers = (f"{tmp_path}/mine.py:Mine",)
    fault = {key(choose_mixers(mixers)[0]): "computes about the same in bfloat16: no"}
    monkeypatch.setattr(Contract, "read", lambda self: self.faults.update(fault))
    request = replace(fake_request(mixers=mixers), dtype=("float32", "bfloat16"), mode=("inference",))
    rows, progress = run(tmp_path / "results", request)
    told = "it fails its contract: computes about the same in bfloat16: no"
    assert {(row.dtype, row.detail) for row in rows} == {("float32", ""), ("bfloat16", told)}
    assert progress.remarks == [f"mine.py:Mine: {told}. It is measured, but the numbers may mislead."]


def test_a_built_in_mixer_that_fails_on_a_gpu_alone_is_timed_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = key(choose_mixers(["attention"])[0], "cuda")
    asked: list[tuple[str, str]] = []

    def verify(self: Contract, subjects: list[Subject], verify: Verify, timeout: float) -> list[str]:
        asked.extend((mixer.name, device) for mixer, device in subjects)
        self.faults |= {key(*subject): "" for subject in subjects} | {broken: "is causal: no"}
        return ["not verified on cuda: hypermixer (planted): timed all the same"] if subjects else []

    monkeypatch.setattr(Contract, "read", lambda self: None)
    monkeypatch.setattr(Contract, "verify", verify)
    progress, folder = Recorder(), ResultsFolder(tmp_path)
    request = replace(fake_request(), device=("cpu", "cuda"), mode=("inference",))
    run_speed(request, folder, progress, worker=replace(FAKE, verifier="planted"))
    rows = folder.read(SpeedRow)
    assert asked == [(name, device) for device in ("cpu", "cuda") for name in ("attention", "hypermixer")]
    found = {(row.mixer, row.device): (row.status, row.detail) for row in rows}
    assert found["attention", "cpu"][0] == found["hypermixer", "cuda"][0] == "ok"
    assert found["attention", "cuda"] == ("error", "it fails its contract: is causal: no")
    assert "not verified on cuda: hypermixer (planted): timed all the same" in progress.remarks
