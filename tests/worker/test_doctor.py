"""The child's side of `mixbench doctor`."""

from __future__ import annotations

import json

import pytest
import torch

from mixbench.worker import doctor
from mixbench.worker.measure import kernels, peak
from mixbench.worker.measure.energy import Meter


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(peak, "peak_gflops", lambda device, dtype: 100.0)
    monkeypatch.setattr(peak, "bandwidth_gb_per_s", lambda device: 20.0)
    monkeypatch.setattr(kernels, "_SECONDS", 0.0)
    monkeypatch.setattr(kernels, "cache_bytes", lambda device: 1)
    monkeypatch.setattr(kernels, "SHAPES", {"cpu": ((1, 16, 8), "float32")})
    monkeypatch.setattr(doctor, "find_meter", lambda device: Meter("RAPL, 1 package", lambda: (0,), 1e-6, (None,), 1.0))


def test_all_peaks_of_a_device_are_one_json_object(quick):
    found = doctor.measure_peaks({"device": "cpu"})
    assert json.loads(json.dumps(found)) == found
    assert found["gflops_per_s"] == {"float32": 100.0, "bfloat16": 100.0, "float16": 100.0}
    assert (found["bandwidth_gb_per_s"], found["meter"], found["remarks"]) == (20.0, "RAPL, 1 package", {})
    assert found["threads"] == torch.get_num_threads()


def test_a_dtype_without_a_product_and_a_missing_meter_are_explained(quick, monkeypatch):
    def refuse_half(device, dtype):
        if dtype is torch.float16:
            raise RuntimeError("not implemented for 'Half'\nC++ stack")
        return 100.0

    monkeypatch.setattr(peak, "peak_gflops", refuse_half)
    monkeypatch.setattr(doctor, "find_meter", lambda device: "no counter here")
    found = doctor.measure_peaks({"device": "cpu"})
    assert found["gflops_per_s"]["float16"] is None
    assert found["meter"] is None
    assert found["remarks"] == {"float16": "not implemented for 'Half'", "energy": "no counter here"}


def test_a_missing_gpu_is_a_finding(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch.__version__ in doctor.measure_peaks({"device": "cuda"})["unavailable"]


def test_shares_of_kernels_are_of_the_rates_that_were_measured(quick, monkeypatch):
    standing = doctor.measure_peaks({"device": "cpu"})["standing"]
    assert (standing["shape"], standing["dtype"], standing["ridge_flop_per_byte"]) == ([1, 16, 8], "float32", 5.0)
    assert [kernel["name"] for kernel in standing["kernels"]] == [*kernels.KERNELS]


def test_kernels_have_no_shares_without_the_rate_of_their_dtype(quick, monkeypatch):
    def refuse(device, dtype):
        raise RuntimeError("no product")

    monkeypatch.setattr(peak, "peak_gflops", refuse)
    assert doctor.measure_peaks({"device": "cpu"})["standing"] == {}
