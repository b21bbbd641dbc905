"""The text of `mixbench verify`: every check of a few mixers, or a table of ticks with the reasons below it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence

Verdicts = Mapping[str, Sequence[Mapping[str, str]]]

MARKS = {"pass": "ok", "fail": "FAIL", "skip": "-"}
GROUPS: dict[str, tuple[str, ...]] = {
    "runs": ("runs", "keeps the shape", "keeps the dtype", "gives finite numbers", "takes other batch sizes"),
    "ref": (
        "computes the same in float64",
        "computes about the same in bfloat16",
        "computes about the same in float16",
        "equals its slow reference",
    ),
    "calls": (
        "is deterministic in evaluation mode",
        "does not depend on earlier calls",
        "leaves its input unchanged",
        "keeps the sequences of a batch apart",
    ),
    "len": ("takes other lengths",),
    "mask": ("honours a mask",),
    "causal": ("is causal",),
    "steps": ("steps equal forward", "continues after a prefill"),
    "grad": ("passes gradients to input and parameters",),
    "count": (
        "does not hold more memory after every call",
        "has countable memory",
        "has countable FLOPs",
        "has the parameters of its closed form",
        "has the FLOPs of its closed form",
        "declares the FLOPs that it runs",
    ),
}
"""The columns of the table, each with its checks."""
FEW = 2
"""Up to so many mixers, every check is shown without `--details`."""
_INDENT = 8 * " "
_TICKS = {"pass": "✓", "fail": "✗", "skip": "–"}


def verify_text(verdicts: Verdicts, width: int | None, *, details: bool = False) -> str:
    """A table with a row per mixer, then what failed; with `details`, or for a few mixers, a line per check with its reason.

    Lines wrap between words at `width`; None: they do not.
    """
    lines = _lines(verdicts) if details or len(verdicts) <= FEW else _table(verdicts, _ticks())
    return "".join(f"{part}\n" for line in lines for part in _wrapped(line, width))


def _lines(verdicts: Verdicts) -> Iterator[str]:
    for place, (name, checks) in enumerate(verdicts.items()):
        yield from [""] * (place > 0)
        yield name
        for check in checks:
            yield f"  {MARKS[check['outcome']]:<5} {_told(check)}"


def _table(verdicts: Verdicts, ticks: Mapping[str, str]) -> Iterator[str]:
    label = max(map(len, ("mixer", *verdicts)))
    yield "  ".join([f"{'mixer':<{label}}", *GROUPS]).rstrip()
    for name, checks in verdicts.items():
        outcomes = {check["name"]: check["outcome"] for check in checks}
        cells = [f"{ticks[_of_group(outcomes, group)]:<{len(heading)}}" for heading, group in GROUPS.items()]
        yield "  ".join([f"{name:<{label}}", *cells]).rstrip()
    yield ""
    failed = {name: [check for check in checks if check["outcome"] == "fail"] for name, checks in verdicts.items()}
    for name, checks in failed.items():
        for check in checks:
            yield f"{name}: {MARKS['fail']} {_told(check)}"
    for name, checks in verdicts.items():
        for check in checks:
            grouped = check["name"] in [each for group in GROUPS.values() for each in group]
            if check["outcome"] != "fail" and (not grouped or (check["name"] == "runs" and check["outcome"] == "skip")):
                yield f"{name}: {_told(check)}"
    broken = sum(map(bool, failed.values()))
    skipped = sum(checks[0]["outcome"] == "skip" for checks in verdicts.values())
    met = f"{len(verdicts) - broken - skipped} of {len(verdicts)} mixers meet the contract"
    yield ", ".join([met, *([f"{broken} {'fails' if broken == 1 else 'fail'}"] if broken else [])]) + "."
    yield from _legend(ticks)


def _of_group(outcomes: Mapping[str, str], group: Sequence[str]) -> str:
    """`fail` if one of the checks failed, `pass` if one applies."""
    found = {outcomes.get(name, "skip") for name in group}
    return next((outcome for outcome in ("fail", "pass") if outcome in found), "skip")


def _legend(ticks: Mapping[str, str]) -> Iterator[str]:
    yield ""
    for heading, names in GROUPS.items():
        yield f"{heading:<6}  {', '.join(names)}"
    yield f"{ticks['skip']:<6}  does not apply to the mixer; --details says why"


def _told(check: Mapping[str, str]) -> str:
    return "  ".join(filter(None, (check["name"], check["detail"])))


def _ticks() -> Mapping[str, str]:
    """The marks of the table that standard output can show."""
    try:
        "".join(_TICKS.values()).encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return {"pass": "ok", "fail": "NO", "skip": "-"}
    return _TICKS


def _wrapped(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
