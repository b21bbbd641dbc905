"""Checking mixers, each in a process of its own."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from gpu import needs_gpu
from running import Run

from mixbench import verify
from mixbench.api.given_mixers import names_of
from mixbench.api.speed_options import SpeedOptions
from mixbench.errors import RequestError
from mixbench.execution import Finished
from mixbench.machine.roofline import bound_by
from mixbench.mixers.choice import ChosenMixer, choose_mixers

MIXER = """
import os, torch
{at_import}
class Mine(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        {built}
    def forward(self, x):
        return {forward}
"""


def mixer(file: Path, *, at_import: str = "", built: str = "", forward: str = "x") -> str:
    """The name of a mixer in a file that is written here."""
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(MIXER.format(at_import=at_import, built=built, forward=forward))
    return f"{file}:Mine"


@pytest.mark.slow
def test_a_mixer_that_hangs_or_dies_fails_and_the_others_are_checked(tmp_path: Path, run: Run) -> None:
    names = [
        mixer(tmp_path / "right" / "mine.py"),
        mixer(tmp_path / "wrong" / "mine.py", forward="x[:, :1]"),
        mixer(tmp_path / "hangs.py", at_import="import time\nwhile True: time.sleep(0.01)"),
        mixer(tmp_path / "dies.py", built="os.abort()"),
        mixer(tmp_path / "parent.py", built="os.kill(os.getppid(), 9)"),
    ]
    done = run("verify", *names, "--timeout", 8, "--details")
    assert done.exit_code == 1
    parts = done.stdout.split("\n  ok    runs")
    assert len(parts) == 3
    assert names[0] in parts[0]
    assert names[1] in parts[1]
    assert "FAIL  keeps the shape" in parts[2]
    assert "FAIL" not in parts[1]
    for reason in ("no progress for 8 s", "killed by SIGABRT", "the parent of the measuring process was ended"):
        assert "  FAIL  runs  " in done.stdout
        assert reason in done.stdout


def test_a_time_limit_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="--timeout is 0; it must be above 0"):
        verify("none", timeout=0)


def test_a_mixer_that_cannot_have_the_shape_is_skipped_among_others_and_refused_alone(timed: Study) -> None:
    found = verify(["attention", "none"], width=33, device="cpu")
    assert found["attention"][0]["outcome"] == "skip"
    assert "4 heads do not divide the width" in found["attention"][0]["detail"]
    assert [check["outcome"] for check in found["none"]] == ["pass"]
    with pytest.raises(RequestError, match="4 heads do not divide the width"):
        verify("attention", width=33, device="cpu")


def test_without_a_device_the_cpu_and_a_gpu_that_is_there_are_checked(timed: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("mixbench.api.verify")
    assert list(verify("none")) == ["none"]
    monkeypatch.setattr(module, "gpu_environment", lambda: {"gpus": ["H100"]})
    assert list(verify("none", speed=False)) == ["none", "none on cuda"]


class Study:
    """In place of the study of speed: mixers have the shares of the best rates that are given."""

    def __init__(self, shares: dict[str, tuple[float, float] | None]) -> None:
        self.shares = shares
        self.asked: list[SpeedOptions] = []

    def __call__(self, options: SpeedOptions) -> SimpleNamespace:
        self.asked.append(options)
        assert Path(options.results).is_dir()
        chosen = choose_mixers(names_of(options.mixer))
        return SimpleNamespace(summary=SimpleNamespace(cells=[self.cell(mixer, options) for mixer in chosen]))

    def cell(self, mixer: ChosenMixer, options: SpeedOptions) -> SimpleNamespace:
        shares = self.shares.get(mixer.name)
        compute, memory = shares or (None, None)
        return SimpleNamespace(
            mixer=mixer.name,
            config=mixer.config,
            context=SimpleNamespace(batch=options.batch, width=options.width, dtype=options.dtype),
            tokens=options.tokens,
            time_ms=shares and SimpleNamespace(point=0.5 if options.execution == "compiled" else 1.0),
            share_of_peak=compute,
            share_of_bandwidth=memory,
            bound_by=shares and bound_by(compute=shares[0], memory=shares[1]),
            status="ok" if shares else "oom",
            detail="" if shares else "it ran out of memory",
        )


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Study:
    """Mixers that all meet the contract, on a GPU that is there."""
    study = Study({"attention": (0.6, 0.2), "hypermixer": (0.14, 0.3), "none": (0.0, 0.0)})
    module = importlib.import_module("mixbench.api.verify")
    passed = [{"name": "runs", "outcome": "pass", "detail": ""}]
    monkeypatch.setattr(
        module, "run_each", lambda _, jobs, **__: [Finished({job["mixers"][0]["name"]: [*passed]}) for job in jobs]
    )
    monkeypatch.setattr(module, "_demand_device", lambda device, timeout: None)
    monkeypatch.setattr("mixbench.api.speed.measure_speed", study)
    return study


def test_on_a_gpu_mixers_are_timed_and_those_far_from_both_rates_compiled(timed: Study) -> None:
    mixers = ["attention", "hypermixer:heads=2", "none", "gmlp", "attention:heads=3"]
    checks = {name: found[-1]["detail"] for name, found in verify(mixers, width=12, device="cuda:1").items()}
    at = "at (8, 4096, 256) in bfloat16"
    assert checks == {
        "attention": f"1.00 ms {at}: 60.0 % of the FLOP/s, 20.0 % of the bandwidth: bound by compute",
        "hypermixer": f"1.00 ms {at}: 14.0 % of the FLOP/s, 30.0 % of the bandwidth;"
        " torch.compile is 2.00 times as fast; use --execution compiled",
        "none": f"1.00 ms {at}: 0 % of the FLOP/s, 0 % of the bandwidth",
        "gmlp": "not timed: it ran out of memory",
        "attention:heads=3": "not timed: attention at 4096 tokens and width 256: 3 heads do not divide the width",
    }
    assert [(asked.device, asked.execution, asked.mixer) for asked in timed.asked] == [
        ("cuda:1", None, ("attention", "hypermixer:heads=2", "none", "gmlp")),
        ("cuda:1", "compiled", ("hypermixer:heads=2",)),
    ]
    assert not Path(timed.asked[0].results).exists()


def test_mixers_are_timed_on_the_cpu_only_if_asked_for(timed: Study) -> None:
    assert [check["name"] for check in verify("attention")["attention"]] == ["runs"]
    detail = verify("attention", speed=True)["attention"][-1]["detail"]
    assert detail.startswith("1.00 ms at (1, 1024, 256) in float32: 60.0 %")
    assert [check["name"] for check in verify("attention", device="cuda", speed=False)["attention"]] == ["runs"]


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(RequestError, match="--device: 'tpu' is not a device"):
        verify("none", device="tpu")


def test_a_mixer_that_lacks_something_on_the_device_is_skipped_with_the_reason(
    timed: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    found = verify(["hypermixer:grouping=fused", "none"])
    assert found["hypermixer"] == [
        {"name": "runs", "outcome": "skip", "detail": "grouping=fused needs a CUDA device and triton"}
    ]
    assert [check["outcome"] for check in found["none"]] == ["pass"]


@pytest.mark.slow
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match="device cuda:99 is not available"):
        verify("none", device="cuda:99")


@needs_gpu
def test_mixers_meet_the_contract_on_a_gpu() -> None:
    for name, checks in verify(device="cuda", speed=False).items():
        assert [(name, check) for check in checks if check["outcome"] == "fail"] == []


@needs_gpu
@pytest.mark.slow
def test_mixers_are_timed_on_a_gpu() -> None:
    check = verify("attention", device="cuda")["attention"][-1]
    assert " % of the FLOP/s, " in check["detail"]
