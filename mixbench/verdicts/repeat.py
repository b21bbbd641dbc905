"""The commands that measure or train what rows hold, once more: a line for each group of rows that share their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mixbench.tables.selection import Selection, parted
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.texts import Given
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.commands import line_of, measured, search_command, study_command
from mixbench.verdicts.labels import CONTEXT_COLUMNS, mixer_order, unpacked
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.tune import by_search

_LISTED = ("mode", "scope", "dtype", "width", "batch")
"""Options of speed that take a list: contexts that differ in one of them alone are one command."""
Texts = Mapping[str, Given]


def speed_commands(rows: Selection[SpeedRow], texts: Texts) -> list[str]:
    """The commands of the rows of speed.csv; `texts` are not asked for."""
    if not rows:
        return []
    firsts = rows.groups([*CONTEXT_COLUMNS, "mixer", "config", "tokens", "launch"])[1]
    contexts = [_speed_options(own) for _, own in parted(firsts, CONTEXT_COLUMNS)]
    for name in _LISTED:
        contexts = _joined(contexts, name)
    return [line_of("speed", options.pop("mixers"), options) for options in contexts]


def _speed_options(rows: Selection[SpeedRow]) -> dict[str, Any]:
    first, settings = rows[0], unpacked(rows.first("settings"))
    own = {name: getattr(first, name) for name in _LISTED}
    return {
        "mixers": mixer_order(zip(rows.values("mixer"), rows.values("config"), strict=True)),
        "tokens": ",".join(map(str, sorted({*rows.values("tokens")}))),
        **own,
        **{name: value for name, value in measured(rows).items() if name not in own},
        "layers": settings.get("layers") if first.scope == "model" else None,
        "match": settings.get("match") or None,
        "energy": any(energy is not None for energy in rows.values("energy_j")),
    }


def _joined(contexts: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The options of contexts, where those that differ in one option alone are one, which lists its values."""
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for options in contexts:
        others = {key: value for key, value in options.items() if key != name}
        found.setdefault(repr(others), (options, []))[1].append(str(options[name]))
    return [options | {name: ",".join(dict.fromkeys(values))} for options, values in found.values()]


def training_commands(rows: Selection[TrainingRow], texts: Texts) -> list[str]:
    """The commands of the rows of data_efficiency.csv; `texts` are those of `read_texts`."""
    studies = [runs for runs, _ in by_context(rows).values()]
    return [study_command(_mixers(runs), runs, [], texts) for runs in studies if runs]


def search_commands(rows: Selection[TrialRow], texts: Texts) -> list[str]:
    """The commands of the rows of tuning.csv; `texts` are those of `read_texts`."""
    return [search_command(_mixers(search), [], search, texts) for search in by_search(rows) if search[0].seed is not None]


def _mixers(rows: Sequence[TrainingRow]) -> list[tuple[str, str]]:
    return mixer_order((row.mixer, row.config) for row in rows)


COMMANDS: Mapping[str, Callable[[Selection[Any], Texts], list[str]]] = {
    "speed": speed_commands,
    "data-efficiency": training_commands,
    "tune": search_commands,
}
"""By study, the commands of the rows of its table."""
