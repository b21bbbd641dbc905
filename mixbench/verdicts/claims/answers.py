"""What a rule answers, and the words that the rules share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mixbench.errors import MixbenchError
from mixbench.mixers.choice import choose_mixer
from mixbench.tables.columns import FAILURES
from mixbench.verdicts.claims.claim import Claim, Finding, Verdict
from mixbench.verdicts.claims.estimates import Comparison, Criterion, all_together, decided
from mixbench.verdicts.claims.evidence import Named
from mixbench.verdicts.cost.commands import command_of
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.words import counted, number

Phrases = Mapping[Verdict, str]
"""What is said of a mixer, before what it is compared with."""


@dataclass(frozen=True)
class Answer:
    """What a rule says of a claim."""

    rule: str
    sentence: str
    findings: Sequence[Finding]
    notes: Sequence[str] = ()
    command: str = ""
    """What to measure next where nothing is decided."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of all findings together."""
        return all_together(self.findings)


@dataclass(frozen=True)
class Decision:
    """The findings of the comparisons of a claim, and the correction."""

    findings: Sequence[Finding]
    comparisons: Sequence[Comparison]
    levels: Sequence[float | None]
    """Of the intervals; None for what does not decide."""
    test: Criterion

    @property
    def undecided(self) -> list[Comparison]:
        """The comparisons that decide nothing."""
        pairs = zip(self.findings, self.comparisons, strict=True)
        return [own for finding, own in pairs if finding.verdict == "undecided"]

    @property
    def interval_words(self) -> str:
        """The level of the intervals, and why it is higher than 95 % where it is."""
        able = [level for level in self.levels if level is not None]
        if len(able) < 2:
            return "95 % interval"
        by = "Holm's procedure" if self.test.steps else "Bonferroni's correction"
        shown = sorted({f"{100 * level:.3g}" for level in able}, key=float, reverse=True)
        return f"interval (at {' or '.join(shown)} %, by {by} for {counted(len(able), 'comparison')})"

    def said(self, mixer: str, phrases: Phrases, unit: str, shown: Callable[[float], str] = number) -> str:
        """What is found, by verdict: `hypermixer is better than gmlp (+0.031, interval +0.01 to +0.052); it is worse …`."""
        parts: list[str] = []
        pairs = [*zip(self.findings, self.comparisons, strict=True)]
        known = [(finding, own) for finding, own in pairs if not has_nothing(finding)]
        for verdict, phrase in phrases.items():
            found = [
                f"{own.other} ({_numbers(finding, own, unit, shown)})" for finding, own in known if finding.verdict == verdict
            ]
            if found:
                parts.append(f"{'it' if parts else mixer} {phrase} {listed(found)}")
        unknown = [f"{own.other} ({own.detail or finding.detail})" for finding, own in pairs if has_nothing(finding)]
        against = f"nothing can be said of {'it' if parts else mixer} against"
        return "; ".join([*parts, *([f"{against} {listed(unknown)}"] if unknown else [])])


def decide(test: Criterion, comparisons: Sequence[Comparison], quantity: str) -> Decision:
    """The findings of all comparisons."""
    found = decided(test, comparisons, quantity)
    return Decision([finding for finding, _ in found], comparisons, [level for _, level in found], test)


def listed(texts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def signed(value: float) -> str:
    """A number with its sign."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def has_nothing(finding: Finding) -> bool:
    """Whether there is neither a number nor a bound."""
    known = (finding.point, finding.low, finding.high, finding.at_least, finding.at_most)
    return all(end is None for end in known)


def _numbers(finding: Finding, own: Comparison, unit: str, shown: Callable[[float], str]) -> str:
    """`+0.031, interval +0.012 to +0.05`, then why there is no interval and what else is to be said."""
    number_and_ends = ", ".join(filter(None, (_point(finding, unit, shown), _ends(finding, unit, shown))))
    return "; ".join(filter(None, (number_and_ends, finding.unknown, own.detail)))


def _point(finding: Finding, unit: str, shown: Callable[[float], str]) -> str:
    if finding.point is not None:
        return f"{shown(finding.point)}{unit}"
    bounds = (("at least", finding.at_least), ("at most", finding.at_most))
    known = [f"{word} {shown(end)}" for word, end in bounds if end is not None]
    return f"{' and '.join(known)}{unit}" if known else ""


def _ends(finding: Finding, unit: str, shown: Callable[[float], str]) -> str:
    """The interval; where the number is not known, with its unit."""
    low, high = finding.low, finding.high
    if low is not None:
        ends = f"{shown(low)} to {shown(high)}" if high is not None else f"{shown(low)} to ∞"
    else:
        ends = "" if high is None else f"up to {shown(high)}"
    return f"interval {ends}{'' if _point(finding, unit, shown) else unit}" if ends else ""


def failed_note(label: str, statuses: Collection[str], runs: int, noun: str) -> str:
    """The note on runs that failed; empty without any."""
    if not statuses:
        return ""
    kinds, are = ", ".join(sorted(set(statuses))), "is" if len(statuses) == 1 else "are"
    return f"{label}: {len(statuses)} of {counted(runs, noun)} failed ({kinds}) and {are} left out."


def can_be_repeated(statuses: Iterable[str]) -> bool:
    """Whether measuring again may help: what diverged would diverge again."""
    return any(status in FAILURES for status in statuses)


def lacking_comparisons(named: Named) -> list[Comparison]:
    """Comparisons with what has no rows."""
    from mixbench.verdicts.claims.estimates import NOTHING

    return [Comparison(named.label, text, lambda level: NOTHING, detail=why) for text, why in named.lacking.items()]


def keys_of(texts: Iterable[str]) -> list[MixerKey]:
    """The mixers of mixer strings, of those that are there."""
    found = []
    for text in texts:
        with suppress(MixbenchError):
            mixer = choose_mixer(text)
            found.append((mixer.name, mixer.config))
    return found


def first_command(study: str, claim: Claim, baseline: str | None, names: Sequence[str], **options: Any) -> str:
    """The command that makes a table, with the mixers of a claim and the options that choose its rows."""
    against = claim.options["against"] or (baseline or "attention",)
    chosen = {name: claim.options.get(name) for name in names}
    return command_of(study, {"mixer": [claim.options["mixer"], *against], **chosen, **options})
