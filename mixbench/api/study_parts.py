"""The parts of a study as options of the commands that they stand for, with every fault of a file and its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from mixbench.api.attention_map import map_attention, plan_of_maps
from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.command_line import command_line
from mixbench.api.cost import cost_of
from mixbench.api.cost_options import CostOptions
from mixbench.api.data_efficiency import plan_of_training, train_data_efficiency
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.options import Options, checked_value, options_of
from mixbench.api.scale import NOT_OF_THE_PLAN, Work
from mixbench.api.shared_options import Texts, Training
from mixbench.api.speed import measure_speed, plan_of_speed
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_paths import placed
from mixbench.api.tune import plan_of_search, run_search
from mixbench.api.tune_options import TuneOptions
from mixbench.errors import RequestError
from mixbench.mixers.choice import choose_mixer
from mixbench.mixers.plugins import ALL
from mixbench.parsing.spec import parse_scores
from mixbench.parsing.study_file import Fault, Given, StudyFile, StudyPart, unknown


def _no_plan_of_cost(options: CostOptions, download: bool) -> None:
    parse_scores(options.target, "--target")


def _plan_of_search(options: TuneOptions, download: bool) -> Work[Any, Any] | None:
    return None if options.from_file is not None else plan_of_search(options, download=download)


@dataclass(frozen=True)
class Command:
    """A command that a file may hold: its options, what it does, and its plan; None for what only reads."""

    options: type[Any]
    run: Callable[[Any], Any]
    plan: Callable[[Any, bool], Work[Any, Any] | None]


COMMANDS: Mapping[str, Command] = {
    "speed": Command(SpeedOptions, measure_speed, lambda options, download: plan_of_speed(options)),
    "data-efficiency": Command(
        DataEfficiencyOptions,
        train_data_efficiency,
        lambda options, download: plan_of_training(options, download=download),
    ),
    "tune": Command(TuneOptions, run_search, _plan_of_search),
    "attention-map": Command(AttentionMapOptions, map_attention, lambda options, download: plan_of_maps(options)),
    "cost": Command(CostOptions, cost_of, _no_plan_of_cost),
}
_OF_THE_REQUEST = ("results", "shard", "plan", "dry-run", "fresh", "retry-failed", "engine")
"""What is said on the command line of the study, not in its file."""
_INSTEAD = ("device", "threads", "jobs", "per_gpu")
"""Options of the study that replace what its file says."""
_NEEDS = {
    "mixer": ("baseline", "range", "learning-rate", "causal", "skip-unsupported", "match"),
    "task": ("sizes", "size", "score", *(field.name.replace("_", "-") for field in fields(Texts))),
}
"""Options whose faults cannot be told where another one is wrong."""


@dataclass(frozen=True)
class PlannedPart:
    """A part that is checked: its command with all options, and its plan, which a part that only reads does not have."""

    command: str
    options: Any
    line: int
    work: Work[Any, Any] | None

    @property
    def command_line(self) -> str:
        """What to type to carry out this part alone."""
        return command_line(self.command, self.options, without=NOT_OF_THE_PLAN)

    def run(self, options: Any) -> Any:
        """What the command does; `options` are those of the part. Raises MixbenchError."""
        return COMMANDS[self.command].run(options)


def planned_parts(
    study: StudyFile, options: StudyOptions, folder: str, *, faulty: bool = False
) -> tuple[list[PlannedPart], list[Fault]]:
    """The parts with everything that is wrong with them; paths of the file are relative to `folder`.

    Parts without data come first. As soon as there is a fault, or for a file that is `faulty` anyway, nothing is told or
    downloaded any more. Raises StorageError, WorkerError.
    """
    faults = list(_wrong_shared(study))
    checked = []
    for part in study.parts:
        given, found = _checked(study, part, options, folder)
        faults += found
        checked.append((part, given, bool(found)))
    planned: dict[int, PlannedPart] = {}
    for place, (part, given, wrong) in sorted(enumerate(checked), key=lambda own: _has_data(own[1][0])):
        quiet = replace(options, progress=None, plan=True) if faulty or faults else options
        made, found = _planned(part, given, quiet)
        faults += found
        if made and not wrong:
            planned[place] = made
    return [planned[place] for place in sorted(planned)], _once(faults)


def _has_data(part: StudyPart) -> bool:
    """Whether a part trains, so that its data have to be prepared."""
    return issubclass(COMMANDS[part.command].options, Training)


def _checked(study: StudyFile, part: StudyPart, options: StudyOptions, folder: str) -> tuple[dict[str, Given], list[Fault]]:
    """The values of a part that are possible, each by itself, and the faults of the others."""
    command = COMMANDS[part.command]
    known = {option.flag.removeprefix("--"): option for option in options_of(command.options)}
    faults = []
    given: dict[str, Given] = {}
    for name, value in _values(study, part, options).items():
        if name in _OF_THE_REQUEST:
            faults.append(_of_the_request(name, value.line))
        elif name not in known:
            faults.append(unknown("option", name, known.keys() - {*_OF_THE_REQUEST}, value.line, f"of {part.command}"))
        else:
            moved = Given(placed(name, value.value, folder), value.line) if value.line else value
            try:
                checked_value(known[name], moved.value)
            except RequestError as error:
                faults.append(_fault(part, value.line, error))
            else:
                given[name] = moved
    _drop_wrong_mixers(part, given, faults)
    return given, faults


def _planned(part: StudyPart, given: dict[str, Given], options: StudyOptions) -> tuple[PlannedPart | None, list[Fault]]:
    """The part with these values, and what is wrong with them together or with its data."""
    command = COMMANDS[part.command]
    faults: list[Fault] = []
    names = {option.flag.removeprefix("--"): option.name for option in options_of(command.options)}
    request = {name: getattr(options, name) for name in ("results", "fresh", "retry_failed", "shard", "plan", "engine")}
    request = {name: value for name, value in request.items() if name in names.values()}
    progress = {} if part.command == "cost" else {"progress": options.progress}

    def make() -> tuple[Options, Work[Any, Any] | None]:
        made = command.options(**{names[name]: value.value for name, value in given.items()}, **request, **progress)
        return made, command.plan(made, not options.plan)

    while True:
        try:
            made, work = make()
        except RequestError as error:
            culprit = _culprit(error, given)
            if culprit is None and not {*_OF_THE_REQUEST}.isdisjoint(_flags(error)):
                raise  # the command line is wrong, not the file
            faults.append(_fault(part, given[culprit].line if culprit else part.line, error))
            if culprit is None:
                return None, faults
            for dropped in (culprit, *_NEEDS.get(culprit, ())):
                given.pop(dropped, None)
        else:
            return None if faults else PlannedPart(part.command, made, part.line, work), faults


def _values(study: StudyFile, part: StudyPart, options: StudyOptions) -> dict[str, Given]:
    """All values of a part: those that parts share, its own, and in their place those of the command line, in line 0."""
    known = {option.flag.removeprefix("--") for option in options_of(COMMANDS[part.command].options)}
    shared = {name: value for name, value in study.shared.items() if name in known and not _why_not(study, part, name)}
    if part.command == "cost":  # it reads what the other parts have measured, wherever that was
        return {**shared, **part.options}
    instead = {name.replace("_", "-"): getattr(options, name) for name in _INSTEAD}
    given = {name: Given(value, 0) for name, value in instead.items() if value is not None and name in known}
    return {**shared, **part.options, **given}


def _why_not(study: StudyFile, part: StudyPart, name: str) -> str:
    """Why a part does not take a shared value of an option that it has; empty if it does.

    Layers say nothing of the time of a mixer or a block; the search of `tune` chooses rates itself, and what it draws is not
    fixed.
    """
    value = study.shared[name].value
    if part.command == "cost":
        return "" if name == "baseline" else "cost takes only the baseline"
    if part.command == "speed" and name == "layers":
        scope = part.options.get("scope") or study.shared.get("scope")
        return "" if scope is not None and "model" in str(scope.value) else "speed takes layers only if its scope has model"
    if part.command != "tune":
        return ""
    if name == "learning-rate" and any(str(rate).endswith("auto") for rate in (value if isinstance(value, list) else [value])):
        return "the search of tune chooses rates itself"
    ranges = part.options.get("range", Given([], 0)).value
    drawn = [str(each).partition("=")[0].strip() for each in (ranges if isinstance(ranges, list) else [ranges])]
    return f"the range of tune draws {name}" if name.replace("-", "_") in drawn else ""


def _of_the_request(name: str, line: int) -> Fault:
    return Fault(line, f"{name} does not belong in a study file", f"Give it on the command line: mixbench study … --{name}")


def _wrong_shared(study: StudyFile) -> Iterator[Fault]:
    """Shared values that no part can take, and those that no part takes, at whatever scale."""
    takers: dict[str, list[str]] = {}
    for name, command in COMMANDS.items():
        for option in options_of(command.options):
            takers.setdefault(option.flag.removeprefix("--"), []).append(name)
    for name, value in study.shared.items():
        if name in _OF_THE_REQUEST:
            yield _of_the_request(name, value.line)
        elif name not in takers:
            yield unknown("option", name, takers.keys() - {*_OF_THE_REQUEST}, value.line)
        elif not any(other.shared.get(name) == value and _is_taken(other, name, takers[name]) for other in _scales(study)):
            whys = [_why_not(study, part, name) for part in study.parts if part.command in takers[name]]
            why = "; ".join(dict.fromkeys(whys))
            could = [part for part in takers[name] if part != "cost" or name == "baseline"]
            hint = f"Parts that have it: {', '.join(could)}."
            yield Fault(value.line, f"no part takes the shared {name}{f': {why}' if why else ''}", hint)


def _scales(study: StudyFile) -> Iterator[StudyFile]:
    yield study
    yield from study.others


def _is_taken(study: StudyFile, name: str, takers: Sequence[str]) -> bool:
    """Whether a part takes a shared value, or a claim that is compared with the baseline."""
    if name == "baseline" and study.claims:
        return True
    return any(part.command in takers and not _why_not(study, part, name) for part in study.parts)


def _drop_wrong_mixers(part: StudyPart, given: dict[str, Given], faults: list[Fault]) -> None:
    """Tell every mixer that there is not, and leave out all: what depends on them cannot be checked."""
    if "mixer" not in given:
        return
    value = given["mixer"].value
    before = len(faults)
    for text in [value] if isinstance(value, str) else value:
        try:
            if text != ALL:
                choose_mixer(text)
        except RequestError as error:
            faults.append(_fault(part, given["mixer"].line, error))
    if len(faults) > before:
        for dropped in ("mixer", *_NEEDS["mixer"]):
            given.pop(dropped, None)


def _culprit(error: RequestError, given: Mapping[str, Given]) -> str | None:
    """The option that an error is about: one that it names, by flag or in words, or one whose value it quotes."""
    text = str(error)
    named = [name for name in _flags(error) if name in given]
    named += [name for name in given if re.search(rf"\b{re.escape(name)}\b", text)]
    named += [name for name, value in given.items() if isinstance(value.value, str) and value.value and value.value in text]
    return next(iter(named), None)


def _flags(error: RequestError) -> list[str]:
    """The options that the text of an error names, without the dashes."""
    return re.findall(r"--([a-z][a-z-]*)", str(error))


def _fault(part: StudyPart, line: int, error: RequestError) -> Fault:
    return Fault(line, f"{part.command}: {error}", error.hint)


def _once(faults: Sequence[Fault]) -> list[Fault]:
    """The faults without those of a shared value that an earlier part has told."""
    told: dict[tuple[int, str], Fault] = {}
    for fault in faults:
        command, _, rest = fault.text.partition(": ")
        told.setdefault((fault.line, rest if command in COMMANDS else fault.text), fault)
    return list(told.values())
