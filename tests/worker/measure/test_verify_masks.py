"""Which mixers are given a mask, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from contract_mixers import TOKENS, WIDTH, FixedLength, Mean, outcomes
from torch import Tensor, nn

from mixbench.worker.measure.verify import verify


class Maskless(nn.Linear):
    pass


class MaskByAnotherName(Mean):
    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x, attention_mask)


class MaskByPosition(Mean):
    def forward(self, x: Tensor, mask: Tensor | None = None, /) -> Tensor:  # type: ignore[override]
        return super().forward(x, mask)


class MaskByKeyword(Mean):
    def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x, mask)


class MaskInThirdPlace(Mean):
    def forward(self, x: Tensor, gate: Tensor | None = None, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(x if gate is None else x * gate, mask)


@pytest.mark.parametrize(
    ("build", "tokens", "honours_mask", "outcome", "detail"),
    [
        (Mean, TOKENS, False, "skip", "declared not to honour a mask"),
        (lambda: Maskless(WIDTH, WIDTH), TOKENS, None, "skip", "forward has no parameter `mask`, so it gets no mask"),
        (
            MaskByAnotherName,
            TOKENS,
            None,
            "skip",
            "forward has no parameter `mask`, so it gets no mask; rename attention_mask",
        ),
        (MaskByPosition, TOKENS, None, "skip", "forward has no parameter `mask`, so it gets no mask"),
        (MaskByKeyword, TOKENS, None, "pass", ""),
        (MaskInThirdPlace, TOKENS, None, "pass", ""),
        (Mean, 1, None, "skip", "needs at least 2 tokens"),
        (FixedLength, TOKENS, None, "pass", "not compared with an unpadded run: shorter sequences are refused"),
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
