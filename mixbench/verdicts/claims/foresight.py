"""Whether planned cells can decide a claim: a row of each, as it may come out, is looked at as the rows of a folder are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.tables.columns import Row
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.evidence import COLUMNS, NoEvidenceError, named, narrowed
from mixbench.verdicts.claims.rules import RULES
from mixbench.verdicts.labels import MixerKey, mixer_labels
from mixbench.verdicts.learning.tune import by_mixer

_SHOWN = 8
"""So many values that there are are told."""


@dataclass(frozen=True)
class Unmatched:
    """An option of a claim that none of the planned rows has; `key` is "" where it is the claim as a whole."""

    key: str
    message: str
    hint: str = ""


def unmatched(
    claim: Claim, rows: Mapping[type[Row], Sequence[Any]], baseline: str | None, unknown: Mapping[type[Row], Sequence[str]]
) -> Iterator[Unmatched]:
    """What a claim asks of the tables in `rows` that none of their rows has.

    Tables that nothing is planned for are passed over: their rows may come from elsewhere. `unknown` are the options, by table,
    whose values are not known before data are loaded.
    """
    for table, names in RULES[claim.rule].reads.items():
        if not (left := rows.get(table, ())):
            continue
        asked = [name for name in names if claim.options.get(name) is not None and name not in unknown.get(table, ())]
        matched: list[str] = []
        for name in asked:
            wanted = [*matched, f"{name} {claim.options[name]}"]
            if found := _narrowed(left, claim, name, table):
                left, matched = found, wanted
                continue
            there = distinct(left, COLUMNS[name].name)
            told = ", ".join([*map(str, there[:_SHOWN]), *(["…"] if len(there) > _SHOWN else [])])
            message = f"no part makes a row of {TABLE_FILES[table]} with {', '.join(wanted)}"
            yield Unmatched(name, message, f"Planned: {told}.")
        yield from _mixers(claim, left, baseline, table)


def tables_without_rows(claim: Claim, rows: Mapping[type[Row], Sequence[Any]]) -> list[str]:
    """The tables that a claim reads and that nothing is planned for."""
    return [TABLE_FILES[table] for table in RULES[claim.rule].reads if table not in rows]


def chosen(claim: Claim, rows: Mapping[type[Row], Sequence[Any]]) -> dict[type[Row], Sequence[Any]]:
    """The planned rows that the options of a claim choose, of each table that it reads."""
    found: dict[type[Row], Sequence[Any]] = {}
    for table, names in RULES[claim.rule].reads.items():
        found[table] = rows.get(table, ())
        for name in names:
            found[table] = _narrowed(found[table], claim, name, table)
    return found


def _narrowed(rows: Sequence[Any], claim: Claim, name: str, table: type[Row]) -> Sequence[Any]:
    try:
        return narrowed(rows, claim, [name], table, "")
    except NoEvidenceError:
        return ()


def _mixers(claim: Claim, rows: Sequence[Any], baseline: str | None, table: type[Row]) -> Iterator[Unmatched]:
    mixers: list[MixerKey] = [*by_mixer(rows)] if table is TrialRow else distinct(rows, "mixer", "config")
    there = f"Its mixers: {', '.join(mixer_labels(mixers).values())}."
    try:
        found = named(claim, mixers, baseline, table)
    except NoEvidenceError as none:
        key = "mixer" if none.reason.startswith(claim.options["mixer"]) else ""
        yield Unmatched(key, _planned(none.reason), there)
    else:
        for why in found.lacking.values():
            yield Unmatched("against", _planned(why), there)


def _planned(why: str) -> str:
    """The reason, of rows that are only planned: `hyena is not in speed.csv`."""
    return why.replace(" is not in ", " will not be in ")
