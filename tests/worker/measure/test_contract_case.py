from __future__ import annotations

import torch
from torch import nn

from mixbench.worker.measure.contract import CHECKS
from mixbench.worker.measure.contract_case import Case

META = torch.device("meta")


def test_inputs_are_on_the_device_of_the_case_and_the_same_on_each() -> None:
    with META:
        mixer = nn.Linear(8, 8)
    case = Case(lambda: mixer, mixer, width=8, tokens=5, batch=3, device=META)
    assert (case.input().device, case.input().shape) == (META, (3, 5, 8))
    assert CHECKS["keeps the shape"](case) == ""
    assert CHECKS["takes other batch sizes"](case) == ""
    here = Case(lambda: mixer, mixer, width=8, tokens=5, batch=3, device=torch.device("cpu"))
    assert torch.equal(here.input(), here.input())
    assert not torch.equal(here.input(), here.input(seed=2))
