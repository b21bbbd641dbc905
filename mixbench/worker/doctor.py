"""The child's side of `mixbench doctor`: the best rates of a device, and where typical kernels stand between them."""

from __future__ import annotations

from typing import Any

import torch

from mixbench.worker.measure import kernels, peak
from mixbench.worker.measure.energy import Meter, find_meter

DTYPES = ("float32", "bfloat16", "float16")


def measure_peaks(job: dict[str, Any]) -> dict[str, Any]:
    """The best rates of the device `{"device": cpu | cuda | cuda:INDEX}`.

    Keys: `device`, `name`, `threads`, `gflops_per_s` by dtype, `bandwidth_gb_per_s`, `standing` (the result of
    `kernels.where_kernels_stand`), `meter` (None if there is none), `remarks` (what is missing, and why); or only
    `unavailable`, with the reason.
    """
    device = torch.device(job["device"])
    if device.type == "cuda" and not torch.cuda.is_available():
        built = "finds no usable GPU" if torch.version.cuda else "was built without CUDA"
        return {"unavailable": f"torch {torch.__version__} {built}"}
    rates: dict[str, float | None] = {}
    remarks: dict[str, str] = {}
    for dtype in DTYPES:
        try:
            rates[dtype] = peak.peak_gflops(device, getattr(torch, dtype))
        except RuntimeError as error:
            rates[dtype] = None
            remarks[dtype] = str(error).splitlines()[0]
    gb_per_s = peak.bandwidth_gb_per_s(device)
    meter = find_meter(device)
    if not isinstance(meter, Meter):
        remarks["energy"] = meter
    return {
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "gflops_per_s": rates,
        "bandwidth_gb_per_s": gb_per_s,
        "standing": kernels.where_kernels_stand(device, rates, gb_per_s),
        "meter": meter.name if isinstance(meter, Meter) else None,
        "remarks": remarks,
    }
