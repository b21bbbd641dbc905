"""Check that mixers meet the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from mixbench.worker.calls import build_mixer, describe_failure
from mixbench.worker.loading import load_class
from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.contract_case import Case, Form, NotApplicableError, as_tensor


@dataclass(frozen=True)
class Check:
    """The result of one check; `detail` says what is wrong, why the check was skipped, or what was found."""

    name: str
    outcome: Literal["pass", "fail", "skip"]
    detail: str = ""


def verify(
    build: Callable[[], nn.Module],
    *,
    width: int,
    tokens: int,
    batch: int = 2,
    device: str = "cpu",
    checks: Iterable[str] = tuple(CHECKS),
    **said: Any,
) -> list[Check]:
    """Check that the mixer that `build` makes for a width and a number of tokens meets the contract, on a device.

    `said` is what is known of the mixer: fields of `Case`. With `honours_mask` None, it is taken to honour a mask if its
    forward has a parameter `mask`. `closed_forms` are its `params`, and its FLOPs for the whole `batch` as `inference` and
    `training`. If the mixer does not run, all other checks are skipped.
    """
    place = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            mixer = build().eval() if place.type == "cpu" else build().eval().to(place)
            case = Case(build, mixer, width, tokens, batch, place, **said)
            with torch.no_grad():
                as_tensor(case.mixer(case.input()))
        except Exception as error:
            return [Check("runs", "fail", describe_failure(error)), *(Check(name, "skip", "does not run") for name in checks)]
        return [Check("runs", "pass"), *(_apply(name, CHECKS[name], case) for name in checks)]


def verify_job(job: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """`verify` for a worker: checks by mixer, as plain values, for the mixers that `job["mixers"]` lists.

    Each has a name that no other has, a target, arguments, and optionally batch, device, checks and fields of `Case`, with
    `forms` and `wide` as mappings of arguments, causal and closed_forms.
    """
    return {
        mixer["name"]: [asdict(check) for check in _verify_target(**{key: mixer[key] for key in mixer if key != "name"})]
        for mixer in job["mixers"]
    }


def _verify_target(
    target: str,
    arguments: Mapping[str, Any],
    forms: Sequence[Mapping[str, Any]] = (),
    wide: Sequence[Mapping[str, Any]] = (),
    **known: Any,
) -> list[Check]:
    def builder(arguments: Mapping[str, Any]) -> Callable[[], nn.Module]:
        return lambda: build_mixer(load_class(target), arguments)

    def made(forms: Sequence[Mapping[str, Any]]) -> tuple[Form, ...]:
        return tuple(Form(builder(form["arguments"]), form["arguments"]["tokens"], **form) for form in forms)

    return verify(
        builder(arguments),
        width=arguments["width"],
        tokens=arguments["tokens"],
        arguments=arguments,
        forms=made(forms),
        wide=made(wide),
        **known,
    )


def _apply(name: str, check: Callable[[Case], str], case: Case) -> Check:
    try:
        return Check(name, "pass", check(case))
    except NotApplicableError as reason:
        return Check(name, "skip", str(reason))
    except Exception as error:
        return Check(name, "fail", describe_failure(error))
