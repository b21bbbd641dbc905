"""Which mixers of results folders are the same one.

A mixer is what its code is, but a comparison follows a mixer whose code changes. Two of the same name and options are one that
was edited if their files were at the same place, or if no other could be meant. All others are told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from mixbench.parsing.canonical import canonical_json
from mixbench.verdicts.labels import MixerKey, file_ends, unpacked, without_versions

Names = Mapping[MixerKey, MixerKey]
"""For each mixer the name and config by which a comparison knows it: without versions, unless these tell it from another."""
Places = Mapping[str, str]
"""Where users' files were, by the hash of their code; see `mixbench.tables.origins`."""


def names_of(rows: Iterable[Any], places: Places) -> Names:
    """The mixers in rows of one folder."""
    newest = _newest(rows, places)
    names = _told_apart({*newest.values()}, places)
    return {mixer: names[now] for mixer, now in newest.items()}


def names_of_both(base: Sequence[Any], head: Sequence[Any], places: Places) -> tuple[Names, Names]:
    """The mixers in rows of two folders: what is the same mixer in both has the same name."""
    below, above = (_newest(rows, places) for rows in (base, head))
    changed = _changed({*below.values()}, {*above.values()}, places)
    below = {mixer: changed.get(now, now) for mixer, now in below.items()}
    names = _told_apart({*below.values(), *above.values()}, places)
    return {mixer: names[now] for mixer, now in below.items()}, {mixer: names[now] for mixer, now in above.items()}


def _newest(rows: Iterable[Any], places: Places) -> dict[MixerKey, MixerKey]:
    """For each mixer the one that was measured last of those that are it with other code."""
    times: dict[MixerKey, list[str]] = defaultdict(list)
    for row in rows:
        times[row.mixer, row.config].append(row.measured_at)
    newest: dict[MixerKey, MixerKey] = {}
    for alike in _grouped(times, _alike).values():
        known = {place for mixer in alike if (place := _place(mixer, places)) is not None}
        files = {mixer: _file_of(mixer, known, times, places) for mixer in alike}
        for state in _grouped(alike, files.get).values():
            newest |= dict.fromkeys(state, max(state, key=lambda mixer: max(times[mixer])))
    return newest


def _file_of(mixer: MixerKey, known: set[str], times: Mapping[MixerKey, list[str]], places: Places) -> Hashable:
    """The place of a mixer's file. Where it is unknown, that of the others, unless one was measured at the same time."""
    if (place := _place(mixer, places)) is not None:
        return place
    others = [own for other, own in times.items() if other != mixer and _alike(other) == _alike(mixer)]
    first, last = min(times[mixer]), max(times[mixer])
    if len(known) > 1 or any(min(own) <= last and first <= max(own) for own in others):
        return mixer
    return next(iter(known), "")


def _changed(before: set[MixerKey], after: set[MixerKey], places: Places) -> dict[MixerKey, MixerKey]:
    """The mixers that are there only before, each with the one that is there only after and is the same with other code."""
    pairs: dict[MixerKey, MixerKey] = {}
    gone, new = before - after, after - before
    keys: tuple[Callable[[MixerKey], Hashable], ...] = (lambda mixer: _at_its_place(mixer, places), _alike)
    for key in keys:
        olds, news = _grouped(gone - pairs.keys(), key), _grouped(new - {*pairs.values()}, key)
        alone = [name for name in olds.keys() & news.keys() if len(olds[name]) == len(news[name]) == 1]
        pairs |= {olds[name][0]: news[name][0] for name in alone}
    return pairs


def _told_apart(mixers: set[MixerKey], places: Places) -> dict[MixerKey, MixerKey]:
    """Without versions where no other mixer is alike; else with the place of the file, or the hash where that is unknown."""
    ends = file_ends(mixers, places.get)
    alone = {group[0] for group in _grouped(mixers, _alike).values() if len(group) == 1}
    names: dict[MixerKey, MixerKey] = {}
    for mixer in mixers:
        name, config = _alike(mixer)
        if mixer in alone:
            names[mixer] = name, config
        elif mixer in ends and "file" not in unpacked(config):
            names[mixer] = name, canonical_json({**unpacked(config), "file": ends[mixer]})
        else:
            names[mixer] = mixer
    return names


def _grouped(mixers: Iterable[MixerKey], key: Callable[[MixerKey], Any]) -> dict[Any, list[MixerKey]]:
    """Mixers by a key; those without one are left out."""
    groups: dict[Any, list[MixerKey]] = defaultdict(list)
    for mixer in mixers:
        if (own := key(mixer)) is not None:
            groups[own].append(mixer)
    return groups


def _alike(mixer: MixerKey) -> MixerKey:
    return mixer[0], without_versions(mixer[1])


def _at_its_place(mixer: MixerKey, places: Places) -> tuple[MixerKey, str] | None:
    place = _place(mixer, places)
    return None if place is None else (_alike(mixer), place)


def _place(mixer: MixerKey, places: Places) -> str | None:
    """Where a user's file was; "" for a mixer that its name identifies, None where it is unknown."""
    return places.get(str(unpacked(mixer[1]).get("file_sha256"))) if ".py:" in mixer[0] else ""
