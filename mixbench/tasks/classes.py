"""The classes of labelled texts: which labels are the same one, which are unknown, how many examples each has."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from mixbench.errors import RequestError
from mixbench.tasks.reading.rows import Place, Rows
from mixbench.tasks.reading.words import listed, places, quoted, shown

_NUMBER = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.([0-9]*))?")
_TRUTH = ("true", "false")
_MOST = 10
"""More classes than this are counted, not listed."""
_FEW = 20
"""As many classes may have an example each."""


def unified(parts: Mapping[str, Rows]) -> tuple[dict[str, Rows], list[str]]:
    """Rows with one spelling per class, and remarks where there were several.

    If all labels of the training set are numbers, equal numbers are one class: 1 and 1.0, but not 01. If all are true or
    false, their case does not matter.
    """
    trained = set(parts["train"].labels)
    for spell in (_as_number, _as_truth):
        if all(spell(label) is not None for label in trained):
            spelt = {name: [spell(label) or label for label in rows.labels] for name, rows in parts.items()}
            changed = {name: dataclasses.replace(rows, labels=spelt[name]) for name, rows in parts.items()}
            return changed, _one_class(parts, changed)
    return dict(parts), _alike(trained)


def _as_number(label: str) -> str | None:
    if not (number := _NUMBER.fullmatch(label)):
        return None
    sign, whole, decimals = number[1], number[2], (number[3] or "").rstrip("0")
    value = f"{whole}.{decimals}" if decimals else whole
    return f"-{value}" if sign == "-" and value != "0" else value


def _as_truth(label: str) -> str | None:
    return label.lower() if label.lower() in _TRUTH else None


def _one_class(before: Mapping[str, Rows], after: Mapping[str, Rows]) -> list[str]:
    spellings: dict[str, set[str]] = {}
    for name, rows in after.items():
        for old, new in zip(before[name].labels, rows.labels, strict=True):
            spellings.setdefault(new, set()).add(old)
    several = [" and ".join(sorted(old, key=lambda label: (len(label), label))) for old in spellings.values() if len(old) > 1]
    return [f"labels treated as one class: {listed(sorted(several))}"] if several else []


def _alike(labels: set[str]) -> list[str]:
    """A remark on labels that differ in nothing but case, or are one number written in several ways; true is 1."""
    alike: dict[str | float, list[str]] = {}
    for label in sorted(labels):
        alike.setdefault(_meaning(label), []).append(label)
    groups = [" and ".join(map(shown, group)) for group in alike.values() if len(group) > 1]
    return [f"labels that look alike are different classes: {listed(groups)}"] if groups else []


def _meaning(label: str) -> str | float:
    if label.lower() in _TRUTH:
        return float(label.lower() == "true")
    try:
        return float(label)
    except ValueError:
        return label.casefold()


def require_classes(train: Rows) -> None:
    """Raises RequestError where the labels are no classes: a single one, or hardly any twice."""
    labels = set(train.labels)
    if len(labels) == 1:
        raise RequestError(
            f"every row of {train.source} has the label {quoted(train.labels[0])}", "At least two classes are needed."
        )
    if len(labels) > max(_FEW, len(train) // 2):
        fault = f"{train.source} has {len(labels):,} different labels in {len(train):,} rows, such as {quoted(train.labels[0])}"
        raise RequestError(fault, "Name the column of the class: --label.")


def require_known(part: Rows, train: Rows) -> None:
    """Raises RequestError for labels that no training example has, all of them at once."""
    known = set(train.labels)
    found: dict[str, list[Place]] = {}
    for label, place in zip(part.labels, part.places, strict=True):
        if label not in known:
            found.setdefault(label, []).append(place)
    if found:
        told = listed(sorted(found), lambda label: f"{quoted(label)} ({places(part.unit, found[label])})")
        spelt = list(map(shown, known))
        near = [match for label in sorted(found) for match in get_close_matches(shown(label), spelt, n=1, cutoff=0.5)]
        raise RequestError(
            f"{part.source} has labels that no example in {train.source} has: {told}",
            f"{f'Did you mean {near[0]!r}? ' if near else ''}Known: {listed(sorted(known))}.",
        )


def class_remarks(parts: Mapping[str, Rows], labels: Sequence[str]) -> Iterator[str]:
    """How many examples each class has in each part, and which parts lack one."""
    counts = {name: Counter(rows.labels) for name, rows in parts.items()}
    told = {label: f"{shown(label, 30)} {'/'.join(f'{count[label]:,}' for count in counts.values())}" for label in labels}
    if len(labels) <= _MOST:
        yield f"examples by class ({'/'.join(parts)}): {', '.join(told.values())}"
    else:
        by_size = sorted(labels, key=lambda label: -counts["train"][label])
        yield f"{len(labels):,} classes ({'/'.join(parts)}), from {told[by_size[0]]} to {told[by_size[-1]]}"
    for name, count in counts.items():
        if lacking := [label for label in labels if not count[label]]:
            yield f"classes without examples in the {name} set: {listed(lacking)}"
