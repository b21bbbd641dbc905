"""Which mixers of results folders are the same one.

A mixer is what its code is, but a comparison follows a mixer whose code changes. A user's mixer is known by the place of its
file: only the code that was measured there last counts, and code that is at two places is two mixers. Where places are unknown,
or differ between two folders, mixers of one name and options are one if no other can be meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from mixbench.mixers.choice import distinct_ends
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.origins import Sources
from mixbench.tables.selection import distinct
from mixbench.verdicts.labels import MixerKey, unpacked, without_versions

Names = Mapping[MixerKey, tuple[MixerKey, ...]]
"""For each mixer in rows, the names and configs by which a comparison knows it, one per place: none for code of the past."""


class _Mixer(NamedTuple):
    """What stays the same when code changes; `config` is that of the rows where only the code tells mixers apart."""

    name: str
    options: str
    place: str = ""
    config: str = ""


def names_of(rows: Sequence[Any], sources: Sources, *, with_places: bool = False) -> Names:
    """The mixers in rows of one folder; names contain the place of a file where they need it, or always."""
    found = _mixers(rows, sources)
    names = _told_apart({mixer for own in found.values() for mixer in own}, with_places)
    return {key: tuple(names[mixer] for mixer in own) for key, own in found.items()}


def names_of_both(base: Sequence[Any], head: Sequence[Any], sources: tuple[Sources, Sources]) -> tuple[Names, Names]:
    """The mixers in rows of two folders: what is the same mixer in both has the same name."""
    below, above = (_mixers(rows, own) for rows, own in zip((base, head), sources, strict=True))
    codes = [{mixer: _code(key) for key, own in side.items() for mixer in own} for side in (below, above)]
    same = _same(*codes)
    below = {key: tuple(same.get(mixer, mixer) for mixer in own) for key, own in below.items()}
    names = _told_apart({mixer for side in (below, above) for own in side.values() for mixer in own}, False)
    first, second = ({key: tuple(names[mixer] for mixer in own) for key, own in side.items()} for side in (below, above))
    return first, second


def _mixers(rows: Sequence[Any], sources: Sources) -> dict[MixerKey, tuple[_Mixer, ...]]:
    """The mixers that each name and config in rows stands for."""
    times: dict[MixerKey, list[str]] = defaultdict(list)
    for mixer, config, time in distinct(rows, "mixer", "config", "measured_at"):
        times[mixer, config].append(time)
    short = _without_parents(sources)
    known = {code for codes in sources.values() for code in codes}
    found: dict[MixerKey, tuple[_Mixer, ...]] = {}
    for (name, options), keys in _grouped((_alike(key), key) for key in times).items():
        for key in keys:
            now = [place for place, codes in sources.items() if codes[-1] == _code(key)]
            named = [place for place in now if place.rpartition("/")[2] == name.rpartition(":")[0]]
            found[key] = tuple(_Mixer(name, options, short[place]) for place in named or now)
        unknown = [key for key in keys if _code(key) not in known]
        if unknown:
            alike = {key: times[key] for key in keys}
            found |= _without_place(_Mixer(name, options), unknown, alike, len({*chain(*map(found.__getitem__, keys))}))
    return found


def _without_place(
    mixer: _Mixer, unknown: Sequence[MixerKey], times: Mapping[MixerKey, list[str]], known: int
) -> dict[MixerKey, tuple[_Mixer, ...]]:
    """Mixers whose place nobody knows, among all that are alike, `known` of which have one.

    They are one that was edited, and the code measured last is its present one, unless two files were measured in one run.
    """
    found: dict[MixerKey, tuple[_Mixer, ...]] = dict.fromkeys(unknown, ())
    edited = []
    for key in unknown:
        first, last = min(times[key]), max(times[key])
        beside = ".py:" in mixer.name and any(
            min(own) <= last and first <= max(own) for other, own in times.items() if other != key
        )
        if beside or known > 1:
            found[key] = (mixer._replace(config=key[1]),)
        else:
            edited.append(key)
    if edited and not known:
        found[max(edited, key=lambda key: max(times[key]))] = (mixer,)
    return found


def _same(below: Mapping[_Mixer, str], above: Mapping[_Mixer, str]) -> dict[_Mixer, _Mixer]:
    """The mixers, each with its code, that are only below: with the one that is only above and must be the same."""
    pairs: dict[_Mixer, _Mixer] = {}
    keys: tuple[Callable[[_Mixer, str], Any], ...] = (lambda mixer, code: (mixer[:2], code), lambda mixer, code: mixer[:2])
    for key_of in keys:
        gone = {mixer: code for mixer, code in below.items() if mixer not in above and mixer not in pairs}
        new = {mixer: code for mixer, code in above.items() if mixer not in below and mixer not in pairs.values()}
        olds, news = (_grouped((key_of(*item), item[0]) for item in side.items()) for side in (gone, new))
        pairs |= {olds[key][0]: news[key][0] for key in olds.keys() & news.keys() if len(olds[key]) == len(news[key]) == 1}
    return pairs


def _told_apart(mixers: set[_Mixer], with_places: bool) -> dict[_Mixer, MixerKey]:
    """A name and config for each: with the end of its place, or the hash of its code, where others are alike."""
    names: dict[_Mixer, MixerKey] = {}
    for (name, options), alike in _grouped((mixer[:2], mixer) for mixer in sorted(mixers)).items():
        placed = [mixer for mixer in alike if mixer.place]
        ends = dict(zip(placed, distinct_ends([mixer.place for mixer in placed]), strict=True))
        given = unpacked(options)
        file = "file" if "file" not in given else "file_of_code"
        for mixer in alike:
            end = mixer.place if with_places else ends.get(mixer, "") if len(alike) > 1 else ""
            names[mixer] = name, canonical_json({**given, file: end}) if end else mixer.config if len(alike) > 1 else options
    return names


def _without_parents(sources: Sources) -> dict[str, str]:
    """Places without `../` at the beginning, which depends on where the results are, unless two would be the same."""
    short = {place: place.replace("../", "") for place in sources}
    return {place: own if list(short.values()).count(own) == 1 else place for place, own in short.items()}


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """The second of each pair by the first."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _alike(key: MixerKey) -> MixerKey:
    return key[0], without_versions(key[1])


def _code(key: MixerKey) -> str:
    """The hash of a user's mixer; "" for others."""
    return str(unpacked(key[1]).get("file_sha256", "")) if ".py:" in key[0] else ""
