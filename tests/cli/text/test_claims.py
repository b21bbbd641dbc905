"""The text of claims: the verdict first, then why; it fits the terminal, and commands stay whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claimed import judged
from synthetic import speed_rows
from synthetic_training import training_rows

from mixbench.cli.text.claims import claims_text
from mixbench.verdicts.claims.claim import Claim, Finding, Judged

BETTER = judged("better-score", training_rows(), against=["none"])
FASTER = judged("faster", *speed_rows())
MISSING = judged("cheaper")
ALL = [BETTER, FASTER, MISSING]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_but_commands(width: int) -> None:
    lines = claims_text(ALL, width, True).plain.split("\n")
    assert all(len(line) <= width or line.startswith("  mixbench ") for line in lines)
    assert any(line.startswith("  mixbench data-efficiency --mixer hypermixer") for line in lines)


def test_a_block_has_the_verdict_the_claim_the_sentence_the_rule_and_the_numbers_in_this_order() -> None:
    text = claims_text([BETTER], 80, False).plain
    places = [
        text.index(part)
        for part in (
            "SUPPORTED: one",
            "Claim: As the paper says.",
            f"Results: {BETTER.sentence}",
            f"Rule: {BETTER.rule}",
            "relative difference of test mse, %",
            "hypermixer against none",
            "Runs: shapes",
        )
    ]
    assert places == sorted(places)
    assert "“" not in text


def test_verdicts_have_their_colours_and_rules_are_dim() -> None:
    text = claims_text(ALL, 120, True)
    styles = {text.plain[span.start : span.end].strip(): str(span.style) for span in text.spans}
    assert styles["SUPPORTED: one"] == "bold green"
    assert styles["UNDECIDED: one"] == "bold yellow"
    assert styles[f"Rule: {MISSING.rule}"] == "dim"


def test_a_disturbed_number_keeps_its_mark_and_the_mark_is_explained() -> None:
    rows, launches = speed_rows()
    open_ = judged("faster", [replace(row, quality="contended") for row in rows], launches)
    text = claims_text([open_], 120, False).plain
    (line,) = [line for line in text.split("\n") if line.startswith("hypermixer against")]
    assert "!" in line
    assert "!: disturbed for too much of the time" in text
    assert "!" not in claims_text([FASTER], 120, False).plain


def test_a_plain_score_has_no_sign() -> None:
    finding = Finding("hypermixer", "test accuracy", 0.5, 0.4, 0.6, "undecided")
    text = claims_text([Judged(Claim("one", "It is.", "better-score", {}), "", "undecided", "", [finding])], 120, False).plain
    assert "0.500 (0.400–0.600)" in text
    assert "+" not in text


@pytest.mark.parametrize(
    ("finding", "shown"),
    [
        (("ratio of times", 0.5, 0.4, 0.62, 0.806), ["0.500 (0.400–0.620)", "≤ 0.806"]),
        (("ratio of times", None, None, 0.62, None), ["≤ 0.620"]),
        (("ratio of times", None, 1.5, None, None), ["≥ 1.50"]),
        (("ratio of times", 2.0, 1.5, None, None), ["2.00 (1.50–∞)"]),
        (("ratio of times", 2.0, None, 2.5, None), ["2.00 (≤ 2.50)"]),
        (("difference of test accuracy", 0.05, -0.01, 0.11, 0.06), ["+0.0500 (-0.0100 to +0.110)", "≥ 0.0600"]),
        (("difference of test accuracy", 0.05, None, None, None), ["+0.0500"]),
        (("difference of test accuracy", None, None, None, None), ["–"]),
    ],
)
def test_open_ends_and_what_is_detectable_stand_beside_a_number(
    finding: tuple[str, float | None, float | None, float | None, float | None], shown: list[str]
) -> None:
    quantity, point, low, high, smallest = finding
    found = Finding("a against b", quantity, point, low, high, "undecided", smallest=smallest)
    text = claims_text(
        [Judged(Claim("one", "As it says.", "faster", {}), "Rule.", "undecided", "So.", [found])], 80, False
    ).plain
    (line,) = [line for line in text.split("\n") if line.startswith("a against b")]
    assert all(part in line for part in shown)
    assert line.endswith("undecided")
