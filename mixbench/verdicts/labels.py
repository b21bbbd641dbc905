"""Names of mixers, contexts and columns in tables and figures."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError, UnknownNameError, shortened
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixer, distinct_ends
from mixbench.parsing.canonical import canonical_json, digest, read_object
from mixbench.parsing.spec import parse_mixer
from mixbench.tables.origins import is_past, known_place
from mixbench.tables.speed_rows import EXECUTIONS, SpeedRow
from mixbench.verdicts.words import sized

MixerKey = tuple[str, str]
"""Name and config of a mixer, as two columns of every table."""

LONGEST_LABEL = 120
"""Characters of a mixer's label."""
_VERSIONS = {"file_sha256": "file", "plugin_version": "version"}
"""Keys of a config that are not options, and their names in a label that needs them."""


UNSAID: Mapping[str, Any] = {"execution": "eager"}
"""Values of keys that go without saying where no other value is compared with them."""
_UNSAID_SETTINGS: Mapping[str, Any] = {"caches": "warm", "match": ""}


@dataclass(frozen=True)
class Context:
    """The values that compared cells share, except for the number of tokens; fields as in speed.csv."""

    mode: str
    scope: str
    device: str
    dtype: str
    threads: int
    width: int
    batch: int
    execution: str
    settings: str

    def __lt__(self, other: Context) -> bool:
        return self._place < other._place

    @property
    def _place(self) -> tuple[Any, ...]:
        """Eager execution comes before the others."""
        return dataclasses.astuple(dataclasses.replace(self, execution=str(EXECUTIONS.index(self.execution))))


CONTEXT_COLUMNS = tuple(field.name for field in dataclasses.fields(Context))
"""The columns of speed.csv that make up a context."""


def mixer_labels(mixers: Iterable[MixerKey]) -> dict[MixerKey, str]:
    """A distinct short label for each mixer: its name and the options that differ from their defaults (`hypermixer heads=4`).

    For a user's `file.py:Class`, the class and all its options. The file's name, or as much of its path or of the hash of its
    code as is needed, appears only where two labels would be equal without it.
    """
    mixers = list(dict.fromkeys(mixers))
    ends = file_ends(mixers)
    spellings = [_spellings(*mixer, ends.get(mixer, "")) for mixer in mixers]
    counts = [Counter(level) for level in zip(*spellings, strict=True)]
    return {
        mixer: _bounded(next((text for text, count in zip(own, counts, strict=True) if count[text] == 1), " ".join(mixer)))
        for mixer, own in zip(mixers, spellings, strict=True)
    }


def _bounded(label: str) -> str:
    """The label; of one that no table or figure has room for, the beginning, the end and a hash that keeps it distinct."""
    return label if len(label) <= LONGEST_LABEL else f"{shortened(label, LONGEST_LABEL - 20)} #{digest(label, 8)}"


def file_ends(mixers: Iterable[MixerKey], place_of: Callable[[str], str | None] = known_place) -> dict[MixerKey, str]:
    """For mixers that differ only in their code, the ends of their files' paths, of those that have a known place."""
    groups: dict[MixerKey, list[MixerKey]] = defaultdict(list)
    for mixer in mixers:
        groups[mixer[0], without_versions(mixer[1])].append(mixer)
    ends: dict[MixerKey, str] = {}
    for group in groups.values():
        places = {mixer: place_of(str(unpacked(mixer[1]).get("file_sha256"))) for mixer in group}
        known = {mixer: place for mixer, place in places.items() if place is not None}
        if len(group) > 1 and len({*known.values()}) == len(known):
            ends |= zip(known, distinct_ends([*known.values()]), strict=True)
    return ends


def mixer_order(mixers: Iterable[MixerKey]) -> list[MixerKey]:
    """Distinct mixers: built-in ones in the order of MIXERS, then the others; of equal names the shortest label first."""
    labels = mixer_labels(mixers)
    position = {name: place for place, name in enumerate(MIXERS)}
    return sorted(
        labels, key=lambda mixer: (position.get(mixer[0], len(position)), mixer[0], len(labels[mixer]), labels[mixer])
    )


def find_baseline(baseline: str | None, mixers: Sequence[MixerKey]) -> MixerKey | None:
    """The mixer that a name, a label or a mixer string (`hypermixer:heads=4`) means, as in `find_mixers`.

    A name with several configs means the one with the shortest label; no name means attention, or the first mixer where there
    is no attention. Returns None only if there are no mixers and no name is given. Raises UnknownNameError.
    """
    if baseline is None:
        return next((mixer for mixer in mixer_order(mixers) if mixer[0] == "attention"), mixers[0] if mixers else None)
    if found := find_mixers(baseline, mixers):
        return found[0]
    raise UnknownNameError("baseline", baseline, mixer_labels(mixers).values(), "among the measured mixers")


def find_mixers(wanted: str, mixers: Iterable[MixerKey]) -> list[MixerKey]:
    """The mixers that a text means: the one with this mixer string or label, else all of this name, shortest label first.

    A mixer string also means the causal form of its mixer, where that alone is there. One of a file that is not there means
    the mixers of files of its name: rows do not say in which folder theirs lay.
    """
    labels = mixer_labels(mixers)
    with suppress(RequestError):  # a label is not always a mixer string
        named = choose_mixer(wanted)
        if (named.name, named.config) in labels:
            return [(named.name, named.config)]
        causal = named.made_causal()
        if (causal.name, causal.config) in labels:
            return [(causal.name, causal.config)]
    words = _words(_without_folder(wanted))
    ordered = mixer_order(labels)
    for mixer in ordered:
        if words in (_words(labels[mixer]), _words(" ".join([mixer[0], *_options(*mixer)]))):
            return [mixer]
    return [mixer for mixer in ordered if words in (_words(mixer[0]), [_short(mixer[0])])]


def _without_folder(wanted: str) -> str:
    """A mixer string without the folder of its file, if that cannot be found; any other text as it is."""
    try:
        file = parse_mixer(wanted).file
    except RequestError:
        return wanted
    if file is None or os.path.exists(file):  # of a file that is there, only its own version is meant
        return wanted
    return wanted.replace(file, os.path.basename(file), 1)


def by_code(mixers: Iterable[MixerKey]) -> dict[MixerKey, MixerKey]:
    """For each mixer one that stands for all of its name and code: its config has the options that all of them share."""
    groups: dict[tuple[str, ...], list[MixerKey]] = defaultdict(list)
    for mixer in mixers:
        values = unpacked(mixer[1])
        groups[mixer[0], *(str(values.get(key)) for key in _VERSIONS)].append(mixer)
    found: dict[MixerKey, MixerKey] = {}
    for group in groups.values():
        first, *others = (unpacked(config) for _, config in group)
        shared = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
        found |= dict.fromkeys(group, (group[0][0], canonical_json(shared)))
    return found


def context_of(row: SpeedRow) -> Context:
    """The context of a row."""
    return Context(*(getattr(row, name) for name in CONTEXT_COLUMNS))


def context_words(contexts: Sequence[Context]) -> list[dict[str, str]]:
    """Each context in words, by field: the settings that differ, `execution` unless all are eager."""
    settings = [unpacked(context.settings) for context in contexts]
    values = [(name, value) for own in settings for name, value in own.items()]
    usual = [_UNSAID_SETTINGS, *settings]
    differing = sorted({name for name, value in values if any(other.get(name, value) != value for other in usual)})
    names = [field.name for field in dataclasses.fields(Context) if field.name in _IN_WORDS]
    names = [name for name in names if any(getattr(context, name) != UNSAID.get(name) for context in contexts)]
    return [
        {name: in_words(name, getattr(context, name)) for name in names}
        | {name: shortened(f"{name}={own[name]}") for name in differing if name in own}
        for context, own in zip(contexts, settings, strict=True)
    ]


def in_words(key: str, value: Any) -> str:
    """The value of a key column as a text that needs no heading: `width 256`; "" for the mixer and for columns of JSON."""
    return shortened(_IN_WORDS[key](value)) if key in _IN_WORDS else ""


def mixer_string(mixer: MixerKey) -> str:
    """The mixer as `--mixer` accepts it: `hypermixer:heads=4,tied=true`.

    A user's file is named as from a folder that also holds the results, if its place is known.
    """
    name, config = mixer
    if place := known_place(str(unpacked(config).get("file_sha256"))):
        name = f"{place.removeprefix('./').replace('../', '')}:{name.rpartition(':')[2]}"
    return ":".join(filter(None, (name, ",".join(_options(name, config)))))


def is_of_the_past(mixer: MixerKey) -> bool:
    """Whether the file of a user's mixer has other code now, as far as is known."""
    return is_past(str(unpacked(mixer[1]).get("file_sha256")))


def without_versions(config: str) -> str:
    """A config without the hash of a user's file and the version of a package, which change with the code."""
    return canonical_json({key: value for key, value in unpacked(config).items() if key not in _VERSIONS})


_IN_WORDS: dict[str, Callable[[Any], str]] = {
    "task": str,
    "mode": str,
    "scope": str,
    "layers": lambda layers: sized(layers, "layer"),
    "tokens": lambda tokens: f"{tokens} tokens",
    "train_size": lambda examples: f"{examples} examples",
    "width": lambda width: f"width {width}",
    "batch": lambda batch: f"batch {batch}",
    "dtype": str,
    "device": str,
    "threads": lambda threads: sized(threads, "thread"),
    "execution": str,
}


def _spellings(name: str, config: str, end: str) -> tuple[str, ...]:
    options = _options(name, config)
    values = unpacked(config)
    version = [f"{name}={str(values[key])[:8]}" for key, name in _VERSIONS.items() if key in values]
    suffixes: list[list[str]] = [[], [f"file={end}"] if end else version, version]
    return tuple(" ".join([spelling, *options, *suffix]) for suffix in suffixes for spelling in (_short(name), name))


def _short(name: str) -> str:
    return name.rpartition(":")[2] if ".py:" in name else name


def _options(name: str, config: str) -> list[str]:
    entry = MIXERS.get(name)
    defaults = {option.name: option.default for option in entry.options} if entry else {}
    before = entry.before if entry else {}
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in (before | unpacked(config)).items()
        if key not in _VERSIONS and defaults.get(key) != value
    ]


def unpacked(text: str) -> dict[str, Any]:
    """The object in a JSON column (config, settings); any other text comes back as `{"text": text}`."""
    try:
        return read_object(text)
    except ValueError:
        return {"text": text}


def _words(text: str) -> list[str]:
    return text.replace(":", " ").replace(",", " ").split()
