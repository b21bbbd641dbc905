"""Rows in, judgement out: pure functions, no printing, no files. One module per table; here, what things are called."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from mixbench.errors import RequestError, UnknownNameError
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixer
from mixbench.tables.columns import canonical_json
from mixbench.tables.rows import SpeedRow


class Measurement(Protocol):
    """A row of any table that is measured."""

    @property
    def environment(self) -> str: ...
    @property
    def measured_at(self) -> str: ...


MixerKey = tuple[str, str]
"""Name and config of a mixer, as two columns of every table."""

_VERSIONS = {"file_sha256": "file", "plugin_version": "version"}
"""Keys of a config that are no options, and how a label names them where it must."""


@dataclass(frozen=True, order=True)
class Context:
    """What cells that are compared share, besides the number of tokens; fields as in speed.csv."""

    mode: str
    scope: str
    device: str
    dtype: str
    threads: int
    width: int
    batch: int
    compiled: bool
    settings: str


def mixer_labels(mixers: Iterable[MixerKey]) -> dict[MixerKey, str]:
    """A distinct short name for each: the name and the options that differ from the defaults (`hypermixer heads=4`).

    Of a user's `file.py:Class` the class and all its options; file name, hash and version only where needed to tell two apart.
    """
    mixers = list(dict.fromkeys(mixers))
    spellings = [_spellings(*mixer) for mixer in mixers]
    counts = [Counter(level) for level in zip(*spellings, strict=True)]
    return {
        mixer: next((text for text, count in zip(texts, counts, strict=True) if count[text] == 1), " ".join(mixer))
        for mixer, texts in zip(mixers, spellings, strict=True)
    }


def mixer_order(mixers: Iterable[MixerKey]) -> list[MixerKey]:
    """Distinct mixers, built-in ones as in the table of mixers, then the others; the plainest label first."""
    labels = mixer_labels(mixers)
    position = {name: place for place, name in enumerate(MIXERS)}
    return sorted(
        labels, key=lambda mixer: (position.get(mixer[0], len(position)), mixer[0], len(labels[mixer]), labels[mixer])
    )


def find_baseline(baseline: str | None, mixers: Sequence[MixerKey]) -> MixerKey | None:
    """The mixer that is meant by a name, a label or a mixer string (`hypermixer:heads=4`).

    None means attention where present, else the first given; a name with several configs means the one with
    the plainest label. Returns None only where there are no mixers and no name is given. Raises UnknownNameError.
    """
    labels = mixer_labels(mixers)
    ordered = mixer_order(mixers)
    if baseline is None:
        return next((mixer for mixer in ordered if mixer[0] == "attention"), mixers[0] if mixers else None)
    with suppress(RequestError):  # what is no mixer string may still be a label
        named = choose_mixer(baseline)
        if (named.name, named.config) in labels:
            return named.name, named.config
    wanted = _words(baseline)
    for mixer in ordered:
        if wanted in (_words(labels[mixer]), _words(" ".join([mixer[0], *_options(*mixer)]))):
            return mixer
    for mixer in ordered:
        if wanted in (_words(mixer[0]), [_short(mixer[0])]):
            return mixer
    raise UnknownNameError("baseline", baseline, labels.values(), "among the measured mixers")


def context_of(row: SpeedRow) -> Context:
    """The context of a row."""
    return Context(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Context)})


def context_words(contexts: Sequence[Context]) -> list[dict[str, str]]:
    """Each context in words, by field; of the settings those on which contexts differ, `compiled` only where some is."""
    settings = [unpacked(context.settings) for context in contexts]
    keys = sorted({key for one in settings for key in one if any(other.get(key, one[key]) != one[key] for other in settings)})
    names = [field.name for field in dataclasses.fields(Context) if field.name in _IN_WORDS]
    names = [name for name in names if name != "compiled" or any(context.compiled for context in contexts)]
    return [
        {name: in_words(name, getattr(context, name)) for name in names}
        | {key: f"{key}={one[key]}" for key in keys if key in one}
        for context, one in zip(contexts, settings, strict=True)
    ]


def choose_environment(rows: Sequence[Measurement], wanted: str | None = None) -> str:
    """That which is wanted, else that of the row that was measured last, "" without rows.

    Raises UnknownNameError for one that no row has.
    """
    if wanted is None:
        return max(rows, key=lambda row: row.measured_at).environment if rows else ""
    if rows and wanted not in (known := {row.environment for row in rows}):
        raise UnknownNameError("environment", wanted, known, "among the rows")
    return wanted


def in_words(key: str, value: Any) -> str:
    """The value of a key column as words that stand alone: `width 256`; "" for the mixer and what only JSON says."""
    return _IN_WORDS[key](value) if key in _IN_WORDS else ""


def mixer_string(mixer: MixerKey) -> str:
    """The mixer as `--mixer` takes it: `hypermixer:heads=4,tied=true`."""
    name, config = mixer
    return ":".join(filter(None, (name, ",".join(_options(name, config)))))


def without_versions(config: str) -> str:
    """A config without what changes whenever a user's file or package does."""
    return canonical_json({key: value for key, value in unpacked(config).items() if key not in _VERSIONS})


_IN_WORDS: dict[str, Callable[[Any], str]] = {
    "task": str,
    "mode": str,
    "scope": str,
    "layers": lambda layers: f"{layers} layer{'s' if layers > 1 else ''}",
    "tokens": lambda tokens: f"{tokens} tokens",
    "train_size": lambda examples: f"{examples} examples",
    "width": lambda width: f"width {width}",
    "batch": lambda batch: f"batch {batch}",
    "dtype": str,
    "device": str,
    "threads": lambda threads: f"{threads} thread{'s' if threads > 1 else ''}",
    "compiled": lambda compiled: "compiled" if compiled else "eager",
}


def _spellings(name: str, config: str) -> tuple[str, ...]:
    options = _options(name, config)
    values = unpacked(config)
    version = [f"{name}={str(values[key])[:8]}" for key, name in _VERSIONS.items() if key in values]
    return tuple(" ".join([spelling, *options, *suffix]) for suffix in ([], version) for spelling in (_short(name), name))


def _short(name: str) -> str:
    return name.rpartition(":")[2] if ".py:" in name else name


def _options(name: str, config: str) -> list[str]:
    defaults = {option.name: option.default for option in MIXERS[name].options} if name in MIXERS else {}
    return [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in unpacked(config).items()
        if key not in _VERSIONS and defaults.get(key) != value
    ]


def unpacked(text: str) -> dict[str, Any]:
    """The object behind a JSON column (config, settings); what is not one stands under `text`."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    return values if isinstance(values, dict) else {"text": text}


def _words(text: str) -> list[str]:
    return text.replace(":", " ").replace(",", " ").split()
