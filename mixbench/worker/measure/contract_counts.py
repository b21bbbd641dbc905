"""Checks of the contract on counts: those that the counter takes, those of closed forms, those that a mixer declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixbench.worker.calls import ContractError, count_parameters
from mixbench.worker.measure.contract_case import Case, NotApplicableError
from mixbench.worker.measure.declared import ForeignMethodError, declared_flops

_MODES = ("inference", "training")


def has_countable_flops(case: Case) -> str:
    remarks = []
    for mode in _MODES:
        counted = case.counted(mode)
        if counted.flops is None:
            raise ContractError(f"{mode}: {counted.reason}")
        if counted.hiding:
            remarks.append(f"{mode}: a lower bound, no formula for {', '.join(counted.hiding)}")
        remarks += counted.remarks
    return "; ".join(dict.fromkeys(remarks))


def has_closed_form_params(case: Case) -> str:
    for each in case.every():
        expected = _closed_forms(each)["params"]
        found = count_parameters(each.mixer)
        if found != expected:
            raise ContractError(f"{each.words}{found} parameters, but {expected} by the closed form")
    return f"{count_parameters(case.mixer):,} parameters"


def has_closed_form_flops(case: Case) -> str:
    remarks = [_demand_equal(each, _flops(each), _closed_forms(each), "by the closed form") for each in case.every()]
    return remarks[0]


def declares_flops(case: Case) -> str:
    try:
        declared = declared_flops(case.mixer, batch=case.batch, tokens=case.tokens, training=False)
    except ForeignMethodError as error:
        raise NotApplicableError(str(error)) from error
    if declared is None:
        raise NotApplicableError("has no method flops(batch, tokens)")
    if case.closed_forms:
        raise NotApplicableError("compared with its closed form instead")
    # only without values: with them, kernels from outside torch would run uncounted
    counted = _flops(case, values=[False], trust_declared=False)
    return _demand_equal(case, counted, _flops(case), "by flops(batch, tokens)")


def _closed_forms(case: Case) -> Mapping[str, int]:
    if case.closed_forms is None:
        raise NotApplicableError("not a built-in mixer, so no closed form is known")
    return case.closed_forms


def _flops(case: Case, **options: Any) -> dict[str, int]:
    """FLOPs by mode. Raises NotApplicableError unless every operator could be counted."""
    flops = {}
    for mode in _MODES:
        counted = case.counted(mode, **options)
        if counted.flops is None:
            raise NotApplicableError(f"{mode}: {counted.reason}")
        if counted.hiding:
            raise NotApplicableError(f"{mode}: the counter has no formula for {', '.join(counted.hiding)}")
        flops[mode] = counted.flops
    return flops


def _demand_equal(case: Case, found: Mapping[str, int], expected: Mapping[str, int], source: str) -> str:
    for mode, flops in found.items():
        if flops != expected[mode]:
            counted = f"{flops} FLOPs counted, but {expected[mode]} {source}, for {case.batch} sequences"
            raise ContractError(f"{case.words}{mode}: {counted}")
    return f"{', '.join(f'{mode} {flops:,}' for mode, flops in found.items())}, for {case.batch} sequences"
