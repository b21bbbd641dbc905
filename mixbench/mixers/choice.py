"""Find the mixer that a mixer string names: built in, from a plug-in, or in the user's own file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from itertools import chain
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError, SameCodeWarning, UnknownNameError
from mixbench.mixers import MIXERS, PAPER_MIXERS
from mixbench.mixers.description import Config, Mixer
from mixbench.mixers.plugins import ALL, plugins, why_unusable
from mixbench.parsing.canonical import canonical_json, read_object
from mixbench.parsing.claims import Causality, causality_of_file, causality_of_module
from mixbench.parsing.own_file import sources_of_class
from mixbench.parsing.sources import TooManyModulesError, sources_of_module, split_target, with_digest
from mixbench.parsing.spec import MixerSpec, parse_mixer
from mixbench.tables.origins import learn_place

_SIMPLY = "{} cannot be causal"
_DIVISIBLE = 2**6 * 3**2 * 5 * 7 * 11 * 13
"""A size that the numbers divide which are typical of options: what is wrong at it is wrong at every size."""


class NotCausalError(RequestError):
    """A mixer cannot be made causal; the message says why."""


@dataclass(frozen=True)
class ChosenMixer:
    """A mixer with its options; only a built-in mixer has an `entry`.

    `target` is `module:Class`, or `path/to/file.py:Class@digest` for the code that the file and its modules have now.
    """

    name: str
    target: str
    options: Config
    config: str
    entry: Mixer | None = None
    text: str = ""
    copies: tuple[str, ...] = ()
    """The targets of files with the same code."""
    claimed: Causality = "no"
    """What the source of a mixer that is not built in says."""
    unsupported: str = ""
    """Why the mixer cannot be what was asked of it; it is not built then, and its rows have the status `unsupported`."""

    @property
    def causality(self) -> Causality:
        """Whether the mixer can be made causal by an option, always is, or neither."""
        return self.entry.causality if self.entry else self.claimed

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only itself and those before it, by the table or by what the source says."""
        return self.causality == "always" or (self.causality == "option" and self.options.get("causal") is True)

    def made_causal(self) -> ChosenMixer:
        """The mixer with `causal` set where that is an option; itself where it always is. Raises NotCausalError."""
        if self.is_causal:
            return self
        if reason := self._why_not_causal():
            raise NotCausalError(reason)
        options = {**self.options, "causal": True}
        return replace(self, options=options, config=self.entry.canonical(options) if self.entry else self._causal_config)

    def made_unsupported(self, reason: str) -> ChosenMixer:
        """In the place of a mixer that cannot be made causal: its rows are apart from those of the mixer as it is."""
        return replace(self, config=self._causal_config, unsupported=reason)

    @property
    def _causal_config(self) -> str:
        return canonical_json({**read_object(self.config), "causal": True})

    def _why_not_causal(self) -> str:
        if self.entry is None:
            said = f"{self.name} has neither a parameter `causal` nor the attribute `causal = True`"
            return said if self.claimed == "no" else ""
        if self.entry.causality == "no":
            return _SIMPLY.format(self.name)
        shape = {"tokens": _DIVISIBLE, "width": _DIVISIBLE}
        faults = [self.entry.fault({**self.options, "causal": causal}, **shape) for causal in (False, True)]
        return f"{self.label}: {faults[1]}" if faults[1] and not faults[0] else ""

    @property
    def label(self) -> str:
        """The name, or the mixer string where another chosen mixer has that name, too."""
        return self.text or self.name

    @property
    def string(self) -> str:
        """The mixer string of a built-in mixer: its name and the options that differ from their defaults."""
        defaults = {option.name: option.default for option in self.entry.options} if self.entry else {}
        changed = [f"{name}={str(value).lower()}" for name, value in self.options.items() if defaults.get(name) != value]
        return ":".join(filter(None, (self.name, ",".join(changed))))

    def arguments(self, tokens: int, width: int) -> dict[str, Any]:
        """Keyword arguments of the class at a shape. Raises RequestError for a shape that the mixer cannot have."""
        if self.entry:
            return self.entry.arguments(self.options, tokens, width)
        return {"width": width, "tokens": tokens, **{name.replace("-", "_"): value for name, value in self.options.items()}}

    def lacks(self, device: str) -> str:
        """What the mixer needs and a device does not have; empty if nothing is known to be missing."""
        return (self.entry and self.entry.lacks(self.options, device)) or ""

    @property
    def lacks_steps(self) -> str:
        """Why the mixer cannot decode; empty if it can, or if only its code tells."""
        return self.entry.lacks_steps(self.options) if self.entry else ""

    def closed_forms(self, tokens: int, width: int, **call: Any) -> dict[str, int] | None:
        """The result of `Mixer.closed_forms`; None for a mixer that is not built in. Raises RequestError."""
        return self.entry.closed_forms(self.options, tokens, width, **call) if self.entry else None

    def with_options(self, given: Mapping[str, str]) -> ChosenMixer:
        """The mixer with some options changed, to values as typed; its config is kept. Raises RequestError."""
        typed = self.entry.config(given) if self.entry else {name: _literal(text) for name, text in given.items()}
        return replace(self, options={**self.options, **{name: typed[name] for name in given}})


def code_of(mixers: Iterable[ChosenMixer]) -> list[tuple[str, Path]]:
    """The users' files among the targets of mixers, each with the digest of its code."""
    targets = [split_target(target) for mixer in mixers for target in (mixer.target, *mixer.copies)]
    return [(digest, Path(file)) for file, _, digest in targets if digest]


def distinct_ends(paths: Sequence[str]) -> list[str]:
    """The shortest ends by which distinct paths differ: `a/mine.py` and `b/mine.py`."""
    parts = [Path(path).parts for path in paths]
    for count in range(1, max(map(len, parts), default=0)):
        ends = [str(Path(*own[-count:])) for own in parts]
        if len({*ends}) == len(ends):
            return ends
    return list(paths)


def choose_mixers(
    texts: Iterable[str] | None, *, causal: bool = False, skip_unsupported: bool = False
) -> tuple[ChosenMixer, ...]:
    """The mixers that the user named, each once; PAPER_MIXERS if none was named, every built-in one for ALL.

    With `causal`, all are made causal; those that cannot be are named in an error or, with `skip_unsupported`, are
    `unsupported`. Files with the same code are one mixer: warns of them. Raises RequestError.
    """
    if skip_unsupported and not causal:
        raise RequestError("--skip-unsupported is for mixers that cannot be causal", "Use it together with --causal.")
    every = chain.from_iterable(MIXERS if text == ALL else (text,) for text in texts or PAPER_MIXERS)
    named = [replace(choose_mixer(text), text=text) for text in every]
    if causal:
        named = _all_causal(named, skip_unsupported=skip_unsupported)
    chosen: dict[tuple[str, str], ChosenMixer] = {}
    for mixer in named:
        first = chosen.setdefault((mixer.name, mixer.config), mixer)
        if mixer.target not in (first.target, *first.copies):
            chosen[mixer.name, mixer.config] = replace(first, copies=(*first.copies, mixer.target))
            warnings.warn(
                f"{first.text} and {mixer.text} have the same code: they are one mixer", SameCodeWarning, stacklevel=2
            )
    names = Counter(name for name, _ in chosen)
    return tuple(mixer if names[mixer.name] > 1 else replace(mixer, text="") for mixer in chosen.values())


def _all_causal(mixers: Iterable[ChosenMixer], *, skip_unsupported: bool) -> list[ChosenMixer]:
    made, names, own = [], [], list[str]()
    for mixer in mixers:
        try:
            made.append(mixer.made_causal())
        except NotCausalError as error:
            made.append(mixer.made_unsupported(str(error)))
            names.append(mixer.text)
            own += [f"{error}."] if str(error) != _SIMPLY.format(mixer.name) else []
    if names and not skip_unsupported:
        named = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        raise NotCausalError(
            f"--causal: {named} cannot be causal",
            " ".join([*own, "Leave them out, or add --skip-unsupported."]),
        )
    return made


def choose_mixer(text: str) -> ChosenMixer:
    """The mixer that a string names, as `mixbench.parsing.spec.parse_mixer` reads it. Raises RequestError."""
    spec = parse_mixer(text)
    if spec.file is not None:
        return _from_file(spec, spec.file)
    if spec.name in MIXERS:
        entry = MIXERS[spec.name]
        options = entry.config(dict(spec.options))
        return ChosenMixer(entry.name, entry.target, options, entry.canonical(options), entry)
    offered = plugins()
    if spec.name not in offered:
        usable = [name for name, offers in offered.items() if not why_unusable(name, offers)]
        raise UnknownNameError("mixer", spec.name, [*MIXERS, *usable])
    if fault := why_unusable(spec.name, offered[spec.name]):
        raise RequestError(f"--mixer {spec.name}: {fault}", "Uninstall one of them, or name the class by its file.")
    plugin = offered[spec.name][0]
    options = _untyped_options(spec)
    config = canonical_json({**options, **_version(plugin)})
    claimed = causality_of_module(*split_target(plugin.value)[:2])
    return ChosenMixer(spec.name, plugin.value, options, config, claimed=claimed)


def _version(plugin: EntryPoint) -> dict[str, str]:
    """The version of a plug-in's package and, if it is installed editable, the hash of its code."""
    version = {"plugin_version": plugin.dist.version if plugin.dist else ""}
    try:
        sources = sources_of_module(plugin.value.partition(":")[0])
    except TooManyModulesError:
        return version
    return version | ({"file_sha256": sources.digest} if sources else {})


def _as_typed_here(path: Path) -> str:
    """A file as it is typed in the working directory: commands, also those of a page that is sent, name no folders above it."""
    here = Path.cwd().resolve()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _from_file(spec: MixerSpec, file: str) -> ChosenMixer:
    path, sources = Path(file), sources_of_class(file, spec.name)
    options = _untyped_options(spec)
    config = canonical_json({**options, "file_sha256": sources.digest})
    target = with_digest(f"{path.resolve()}:{spec.name}", sources.digest)
    learn_place(sources.digest, _as_typed_here(path.resolve()))
    claimed = causality_of_file(path.resolve(), spec.name)
    return ChosenMixer(f"{path.name}:{spec.name}", target, options, config, claimed=claimed)


def _untyped_options(spec: MixerSpec) -> dict[str, Any]:
    """Options of a class without an entry: numbers, true and false are converted, anything else stays text."""
    return {name: _literal(text) for name, text in spec.options}


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if value == value and abs(value) != float("inf") else text
    return text
