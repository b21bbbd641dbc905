"""The text of `mixbench doctor`: the machine, its best rates, where kernels stand, and what will disturb a measurement."""

from __future__ import annotations

from typing import Any

from mixbench.cli.text.page import Section


def sections(report: dict[str, Any]) -> list[Section]:
    """The findings of `mixbench.doctor` as sections of text."""
    return [
        Section("Machine", _machine(report)),
        Section("Software", _software(report)),
        *(section for peak in report["peaks"] for section in _of_device(peak)),
        Section("What will disturb a measurement", _disturbing(report["disturbances"])),
    ]


def _machine(report: dict[str, Any]) -> list[tuple[str, str]]:
    found, now = report["environment"], report["snapshot"]
    available = "" if now["available_mib"] is None else f", {now['available_mib'] / 1024:.1f} GiB available"
    clock = "" if now["cpu_mhz"] is None else f", {now['cpu_mhz']:.0f} MHz now"
    gpus = [(f"GPU {index}", name) for index, name in enumerate(found["gpus"])] or [("GPU", "none found")]
    return [
        ("CPU", f"{found['cpu'] or 'unknown'}{clock}"),
        ("cores", f"{found['physical_cores'] or 'unknown'} physical, {found['logical_cores'] or 'unknown'} logical"),
        ("threads", f"{report['threads']} per operator"),
        ("memory", f"{found['memory_gib'] or 'unknown'} GiB{available}"),
        *gpus,
        ("system", f"{found['os']}, {found['architecture']}"),
    ]


def _software(report: dict[str, Any]) -> list[tuple[str, str]]:
    found = report["environment"]
    checkout = f", checkout with sources {found['sources']}" if found["sources"] else ""
    driver = [("driver", f"{found['gpu_driver']}, CUDA up to {found['cuda']}")] if found["gpu_driver"] else []
    libraries = [(name, version or "not installed") for name, version in report["libraries"].items()]
    return [("mixbench", f"{found['mixbench']}{checkout}"), ("Python", found["python"]), *libraries, *driver]


def _of_device(peak: dict[str, Any]) -> list[Section]:
    best = Section(f"Best rates of {peak['device']}", _rates(peak))
    standing = peak.get("standing")
    return [best, Section(f"What bounds kernels on {peak['device']}", _standing(standing))] if standing else [best]


def _standing(standing: dict[str, Any]) -> list[tuple[str, str]]:
    inputs = f"{tuple(standing['shape'])} in {standing['dtype']}, several in turns, so that none is in a cache"
    ridge = f"{standing['ridge_flop_per_byte']:,.3g} FLOP per byte; below it, bandwidth is the limit, above it, FLOP/s"
    kernels = [(kernel["name"], _kernel(kernel)) for kernel in standing["kernels"]]
    return [("inputs", inputs), ("ridge point", ridge), *kernels]


def _kernel(kernel: dict[str, Any]) -> str:
    if "unavailable" in kernel:
        return f"not measured: {kernel['unavailable']}"
    shares = f"{100 * kernel['compute']:3.0f} % of FLOP/s, {100 * kernel['memory']:3.0f} % of bandwidth"
    return f"{shares}: bound by {kernel['bound']}, {kernel['ms']:,.3g} ms"


def _rates(peak: dict[str, Any]) -> list[tuple[str, str]]:
    if "unavailable" in peak:
        return [("not measured", peak["unavailable"])]
    remarks = peak["remarks"]
    return [
        *([("name", peak["name"])] if peak["name"] else []),
        ("threads", str(peak["threads"])),
        *(
            (f"{dtype} product", f"{rate:,.4g} GFLOP/s" if rate is not None else f"not measured: {remarks[dtype]}")
            for dtype, rate in peak["gflops_per_s"].items()
        ),
        ("copy", f"{peak['bandwidth_gb_per_s']:,.4g} GB/s, read and written"),
        ("energy meter", peak["meter"] or f"none: {remarks['energy']}"),
    ]


def _disturbing(found: list[dict[str, str]]) -> list[tuple[str, str]]:
    if not found:
        return [("nothing", "that could be seen")]
    lines: list[tuple[str, str]] = []
    for number, disturbance in enumerate(found, start=1):
        lines += [(f"{number}.", f"{disturbance['what']}. {disturbance['why']}"), ("", f"→ {disturbance['mend']}")]
    return lines
