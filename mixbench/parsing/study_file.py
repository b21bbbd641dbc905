"""A study as a file: parts that are commands with their options, values that parts share, scales, and claims.

Only the form of the file is known here; which options a command has, and which values they take, is checked by `api/study.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from mixbench.errors import RequestError, shortened
from mixbench.parsing.toml_lines import Path, line_of_error, read_toml

PARTS = ("speed", "data-efficiency", "tune", "attention-map", "cost")
"""The commands that a file may hold."""
SHARED = ("mixers", "model", "data")
"""Tables whose values go to every part that has the option."""
TEXTS = ("title", "question", "source")
CLAIMS, SCALE = "claims", "scale"
_TOP = (*TEXTS, *SHARED, *PARTS, CLAIMS, SCALE)
_SHOWN = 20
"""So many faults are listed."""


@dataclass(frozen=True)
class Given:
    """A value of a file, as TOML has it, and the line of its key."""

    value: Any
    line: int


@dataclass(frozen=True)
class StudyPart:
    """A command with the options that its own table gives, named as on the command line without the dashes."""

    command: str
    options: Mapping[str, Given]
    line: int


@dataclass(frozen=True)
class StudyFile:
    """A study at one of its scales; a file without scales has the scale None."""

    file: str
    title: str
    question: str
    source: str
    scales: tuple[str, ...]
    scale: str | None
    shared: Mapping[str, Given]
    """Options that go to every part that has them."""
    parts: tuple[StudyPart, ...]
    claims: Mapping[str, Mapping[str, Given]]
    others: tuple[StudyFile, ...] = ()
    """The study at its other scales."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, and in which line; 0 if it is the whole file."""

    line: int
    text: str
    hint: str = ""


class StudyFileError(RequestError):
    """A study file has faults, all of which the message and the hint list as `file:line: what`."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.line))
        lines = [(f"{file}:{fault.line}: {fault.text}" if fault.line else f"{file}: {fault.text}") for fault in self.faults]
        if len(lines) == 1:
            super().__init__(lines[0], self.faults[0].hint)
            return
        listed = [f"{line}. {fault.hint}" if fault.hint else line for line, fault in zip(lines, self.faults, strict=True)]
        more = [f"and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
        super().__init__(f"{file} has {len(lines)} faults", "\n  ".join([*map(_short, listed[:_SHOWN]), *more]))


def parse_study(text: str, file: str, scale: str | None = None) -> StudyFile:
    """A study at a scale, by default the first of the file. Raises StudyFileError for the form of the file alone."""
    study, faults = read_study_text(text, file, scale)
    if faults:
        raise StudyFileError(file, faults)
    return study


def read_study_text(text: str, file: str, scale: str | None = None) -> tuple[StudyFile, list[Fault]]:
    """The same, with the faults of the form instead of an error. Raises StudyFileError for what is not TOML."""
    try:
        content, lines = read_toml(text)
    except RecursionError:
        raise StudyFileError(file, [Fault(0, "lists are nested too deeply")]) from None
    except ValueError as error:
        line = line_of_error(error, text)
        raise StudyFileError(file, [Fault(line, f"not TOML: {str(error).partition(' (at line')[0]}")]) from None
    return _Reader(content, lines).study(file, scale)


def unknown(kind: str, name: str, known: Iterable[str], line: int, where: str = "") -> Fault:
    """The fault of an unknown name, with the closest known one, or all: a sequence in its own order."""
    names = list(known) if isinstance(known, Sequence) else sorted(known)
    near = get_close_matches(shortened(name), names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}." if names else ""
    return Fault(line, f"unknown {kind} {shortened(name)!r}{f' {where}' if where else ''}", hint)


class _Reader:
    """Reads the content of a file and collects what is wrong with it."""

    def __init__(self, content: Mapping[str, Any], lines: Mapping[Path, int]) -> None:
        self.content, self.lines = content, lines
        self.faults: list[Fault] = []

    def study(self, file: str, scale: str | None) -> tuple[StudyFile, list[Fault]]:
        self._refuse_unknown((), _TOP, "table or key")
        scales = tuple(self._table((SCALE,)))
        for name in scales:
            self._refuse_unknown((SCALE, name), (*SHARED, *PARTS, CLAIMS), "table", f"of the scale {name}")
        chosen = scales[0] if scale is None and scales else scale
        if chosen is not None and chosen not in scales:
            fault = unknown("scale", chosen, scales, 0)
            self.faults.append(fault if scales else Fault(0, fault.text, "The file has no scales: leave out --scale."))
            chosen = None
        title, question, source = map(self._text, TEXTS)

        def at(scale: str | None) -> StudyFile:
            roots: list[Path] = [(), *([(SCALE, scale)] if scale is not None else [])]
            shared, parts, claims = self._shared(roots), self._parts(roots), self._claims(roots)
            return StudyFile(file, title, question, source, scales, scale, shared, parts, claims)

        # the faults of scales that are not used are told, too
        found = replace(at(chosen), others=tuple(at(name) for name in scales if name != chosen))
        return found, list(dict.fromkeys(self.faults))

    def _line(self, path: Path) -> int:
        """The line of a key; of what stands in an inline table, that of the table."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 0)

    def _at(self, path: Path) -> Any:
        value: Any = self.content
        for name in path:
            if isinstance(value, list) and isinstance(name, int):
                value = value[name]
            else:
                value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _fault(self, path: Path, text: str, hint: str = "") -> None:
        self.faults.append(Fault(self._line(path), text, hint))

    def _refuse_unknown(self, path: Path, known: Sequence[str], kind: str, where: str = "") -> None:
        for name in self._table(path):
            if name not in known:
                self.faults.append(unknown(kind, name, known, self._line((*path, name)), where))

    def _table(self, path: Path) -> Mapping[str, Any]:
        value = self._at(path)
        if value is None or isinstance(value, Mapping):
            return value or {}
        self._fault(path, f"{path[-1]} is not a table", f"Write [{'.'.join(map(str, path))}].")
        return {}

    def _text(self, name: str) -> str:
        value = self.content.get(name, "")
        if isinstance(value, str):
            return value
        self._fault((name,), f"{name} is not a text", f'Write {name} = "…".')
        return ""

    def _given(self, path: Path) -> dict[str, Given]:
        return {name: Given(value, self._line((*path, name))) for name, value in self._table(path).items()}

    def _shared(self, roots: Sequence[Path]) -> dict[str, Given]:
        shared: dict[str, Given] = {}
        for root in roots:
            seen: dict[str, str] = {}
            for table in SHARED:
                for name, given in self._given((*root, table)).items():
                    if name in seen:
                        self.faults.append(Fault(given.line, f"{name} is also in [{seen[name]}]", "Keep one of them."))
                    seen[name] = table
                    shared[name] = given
        return shared

    def _read_parts(self, root: Path) -> dict[str, list[StudyPart]]:
        """The parts of the file or of a scale, by command."""
        return {command: self._several((*root, command)) for command in PARTS if command in self._table(root)}

    def _several(self, path: Path) -> list[StudyPart]:
        value, command = self._at(path), str(path[-1])
        if not isinstance(value, list):
            return [StudyPart(command, self._given(path), self._line(path))]
        places: list[Path] = [(*path, place) for place in range(len(value))]
        return [StudyPart(command, self._given(place), self._line(place)) for place in places]

    def _parts(self, roots: Sequence[Path]) -> tuple[StudyPart, ...]:
        found, *scaled = map(self._read_parts, roots)
        for command, others in scaled[0].items() if scaled else ():
            path: Path = (*roots[1], command)
            known = found.get(command, [])
            if known and not isinstance(self._at(path), list):
                if len(known) > 1 and isinstance(self._at(path), Mapping):
                    form = f"Write [[{'.'.join(map(str, path))}]]: it replaces all of them."
                    self._fault(path, f"the study has {len(known)} {command} parts", form)
                others = [StudyPart(command, {**known[0].options, **others[0].options}, known[0].line)]
            elif known:
                others = [StudyPart(command, each.options, known[0].line) for each in others]
            found[command] = others
        if not (any(found.values()) or self._table((CLAIMS,))):
            parts = ", ".join(f"[{part}]" for part in PARTS)
            self._fault((), "the study has neither a part nor a claim", f"Add at least one of {parts}.")
        return tuple(sorted((part for parts in found.values() for part in parts), key=lambda part: part.line))

    def _claims(self, roots: Sequence[Path]) -> dict[str, dict[str, Given]]:
        claims: dict[str, dict[str, Given]] = {}
        for root in roots:
            for name in self._table((*root, CLAIMS)):
                claims[name] = {**claims.get(name, {}), **self._given((*root, CLAIMS, name))}
        for name, options in claims.items():
            if "rule" not in options and isinstance(self._at((CLAIMS, name)) or {}, Mapping):
                self._fault((CLAIMS, name), f"the claim {name} has no rule", 'Write rule = "…".')
        return claims


def _short(line: str) -> str:
    return shortened(line, 240)
