from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mixbench.worker.measure.verify import CHECKS, Check, verify, verify_job

TOKENS, WIDTH = 9, 8


class Mean(nn.Module):
    """Keeps the contract: a projected mean over the real tokens is added to each token."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
        total = x.masked_fill(~mask.unsqueeze(-1), 0).sum(1) / mask.sum(1, keepdim=True)
        mixed: Tensor = x + self.linear(total).unsqueeze(1)
        return mixed


class Broken(Mean):
    """Breaks the contract by what `after` makes of input and right output."""

    def __init__(self, after: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.after = after

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        return self.after(x, super().forward(x, mask))


class IgnoringMask(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x)


class NormalisingByLength(Mean):
    """Padded content has no effect, the amount of padding has."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) / x.shape[1]


class Dropping(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return nn.functional.dropout(super().forward(x, mask), training=self.training)


class Dividing(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + (0 * x[:, :1, :1]).sqrt()


class Idle(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(1))


class Hiding(Mean):
    def flops(self, batch: int, tokens: int) -> int:
        raise OverflowError("planted")


class FixedLength(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, mask) + torch.zeros(TOKENS, 1)


class Maskless(nn.Linear):
    pass


def _overwrite(x: Tensor, y: Tensor) -> Tensor:
    x.detach().zero_()
    return y


def _one_batch_only(x: Tensor, y: Tensor) -> Tensor:
    return y if len(x) in (2, 3) else y[:, :1]


PLANTED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "keeps the shape": (lambda: Broken(lambda x, y: y[:, 1:]), "the shape (2, 9, 8) became (2, 8, 8)"),
    "keeps the dtype": (lambda: Broken(lambda x, y: y.float()), "torch.float64 became torch.float32"),
    "gives finite numbers": (lambda: Broken(lambda x, y: y / torch.zeros(1)), "144 numbers are not finite"),
    "is deterministic in evaluation mode": (
        lambda: Broken(lambda x, y: nn.functional.dropout(y)),
        "two calls in evaluation mode: results differ by",
    ),
    "leaves its input unchanged": (lambda: Broken(_overwrite), "forward changed its input in place"),
    "keeps the sequences of a batch apart": (
        lambda: Broken(lambda x, y: y - y.mean(0)),
        "other sequences of the batch change a sequence: results differ by",
    ),
    "takes other batch sizes": (lambda: Broken(_one_batch_only), "the shape (1, 9, 8) became (1, 1, 8)"),
    "honours a mask": (IgnoringMask, "the content of padded tokens reaches real ones: results differ by"),
    "passes gradients to input and parameters": (Idle, "no gradient reaches spare"),
    "has countable FLOPs": (Hiding, "inference: on meta: OverflowError: planted"),
}


def outcomes(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.outcome for check in checks}


@pytest.mark.parametrize("kind", [Mean, Dropping])
def test_a_mixer_that_keeps_the_contract_passes_every_check(kind: type[Mean]) -> None:
    checks = verify(kind, width=WIDTH, tokens=TOKENS)
    assert checks == [Check(name, "pass") for name in ("runs", *CHECKS)]


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_finds_the_fault_that_was_planted_for_it(name: str) -> None:
    build, fault = PLANTED[name]
    checks = verify(build, width=WIDTH, tokens=TOKENS)
    (found,) = (check for check in checks if check.name == name)
    assert found.outcome == "fail"
    assert found.detail.startswith(fault)


def test_a_fault_does_not_spread_to_checks_that_it_does_not_touch() -> None:
    for name in ("honours a mask", "passes gradients to input and parameters", "has countable FLOPs"):
        failed = [check.name for check in verify(PLANTED[name][0], width=WIDTH, tokens=TOKENS) if check.outcome == "fail"]
        assert failed == [name]


@pytest.mark.parametrize(
    ("build", "name", "fault"),
    [
        (NormalisingByLength, "honours a mask", "padding changes real tokens: results differ by"),
        (Dividing, "passes gradients to input and parameters", "the gradient of the input is not finite"),
        (
            lambda: Broken(lambda x, y: y.detach() + 0 * x),
            "passes gradients to input and parameters",
            "no gradient reaches linear.weight",
        ),
        (
            lambda: Broken(lambda x, y: y.detach() + 0 * y),
            "passes gradients to input and parameters",
            "the gradient of the input is zero",
        ),
        (lambda: Broken(lambda x, y: y.detach()), "passes gradients to input and parameters", "RuntimeError: element 0"),
    ],
)
def test_a_check_finds_the_finer_faults_too(build: Callable[[], nn.Module], name: str, fault: str) -> None:
    (found,) = (check for check in verify(build, width=WIDTH, tokens=TOKENS) if check.name == name)
    assert found.outcome == "fail"
    assert found.detail.startswith(fault)


def test_a_mixer_that_does_not_run_fails_once_and_skips_the_rest() -> None:
    for build, fault in (
        (lambda: nn.Linear(3, 3), "RuntimeError: mat1"),
        (lambda: Broken(lambda x, y: (y,)), "forward returned tuple"),
    ):
        first, *others = verify(build, width=WIDTH, tokens=TOKENS)
        assert (first.name, first.outcome) == ("runs", "fail")
        assert first.detail.startswith(fault)
        assert others == [Check(name, "skip", "does not run") for name in CHECKS]


def test_a_class_that_cannot_be_built_fails_with_the_reason() -> None:
    def build() -> nn.Module:
        raise TypeError("planted\nin two lines")

    assert verify(build, width=WIDTH, tokens=TOKENS)[0] == Check("runs", "fail", "TypeError: planted in two lines")


@pytest.mark.parametrize(
    ("build", "tokens", "honours_mask", "outcome", "detail"),
    [
        (Mean, TOKENS, False, "skip", "declared not to honour a mask"),
        (lambda: Maskless(WIDTH, WIDTH), TOKENS, None, "skip", "forward takes no mask"),
        (Mean, 1, None, "skip", "needs 2 tokens or more"),
        (FixedLength, TOKENS, None, "pass", "not compared with an unpadded run: takes no shorter sequence"),
    ],
)
def test_what_does_not_apply_is_skipped_with_the_reason(
    build: Callable[[], nn.Module], tokens: int, honours_mask: bool | None, outcome: str, detail: str
) -> None:
    checks = verify(build, width=WIDTH, tokens=tokens, honours_mask=honours_mask)
    assert [(c.outcome, c.detail) for c in checks if c.name == "honours a mask"] == [(outcome, detail)]


def test_a_mixer_said_to_honour_a_mask_that_takes_none_fails() -> None:
    checks = verify(lambda: Maskless(WIDTH, WIDTH), width=WIDTH, tokens=TOKENS, honours_mask=True)
    assert outcomes(checks)["honours a mask"] == "fail"


def test_a_count_that_is_a_lower_bound_passes_with_a_remark() -> None:
    build = lambda: Broken(lambda x, y: y + torch.linalg.inv_ex(torch.eye(WIDTH))[0].sum())  # noqa: E731
    (found,) = (check for check in verify(build, width=WIDTH, tokens=TOKENS) if check.name == "has countable FLOPs")
    assert found.outcome == "pass"
    assert "inference: a lower bound, no formula for linalg_inv_ex" in found.detail


def test_verifying_does_not_depend_on_whether_gradients_are_on() -> None:
    with torch.no_grad():
        assert {check.outcome for check in verify(Mean, width=WIDTH, tokens=TOKENS)} == {"pass"}


def test_verifying_keeps_the_random_state() -> None:
    before = torch.random.get_rng_state()
    verify(Mean, width=WIDTH, tokens=TOKENS)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_job_gives_plain_values_by_mixer_and_tells_settings_apart(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        "import torch\n\n\nclass Scale(torch.nn.Module):\n"
        "    def __init__(self, width, tokens, gain=1):\n"
        "        super().__init__()\n        self.gain = gain\n\n"
        "    def forward(self, x):\n        return self.gain * x\n"
    )
    shape = {"width": WIDTH, "tokens": TOKENS}
    mixers = [
        {"name": "none", "target": "mixbench.mixers.none:NoMixing", "arguments": shape, "honours_mask": True},
        {"name": "Scale", "target": f"{source}:Scale", "arguments": {**shape, "gain": 1}, "honours_mask": None},
        {"name": "Scale", "target": f"{source}:Scale", "arguments": {**shape, "gain": 2}, "honours_mask": None},
        {"name": "Lost", "target": f"{source}:Lost", "arguments": shape, "honours_mask": None},
    ]
    verdicts = verify_job({"mixers": mixers})
    assert list(verdicts) == ["none", "Scale:width=8,tokens=9,gain=1", "Scale:width=8,tokens=9,gain=2", "Lost"]
    assert verdicts["none"][0] == {"name": "runs", "outcome": "pass", "detail": ""}
    assert verdicts["Lost"][0] == {"name": "runs", "outcome": "fail", "detail": f"{source}: Lost is not there"}
