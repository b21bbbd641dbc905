"""The sections of a page, one file per study, and the page's contents from a results folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mixbench.errors import MixbenchError, RequestError, StorageError, UnknownNameError
from mixbench.plots import READS, of_one_environment
from mixbench.reports.charts.looks import Looks, looks_of
from mixbench.reports.contents import Contents, Section
from mixbench.reports.sections.as_tables import failures_sentence
from mixbench.reports.sections.attention_map import ATTENTION_MAP
from mixbench.reports.sections.claims import CLAIMS, claims_section
from mixbench.reports.sections.cost import COST
from mixbench.reports.sections.data_efficiency import DATA_EFFICIENCY
from mixbench.reports.sections.source import Ready, Source, Study
from mixbench.reports.sections.speed import SPEED
from mixbench.reports.sections.study import study_of
from mixbench.reports.sections.tune import TUNE
from mixbench.tables.chosen_rows import ChosenRows
from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct
from mixbench.tables.speed_rows import LaunchRow
from mixbench.tables.texts import read_texts
from mixbench.verdicts.environments import Environments, choose_environment
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.machines import machine_words, shown_machines
from mixbench.verdicts.repeat import COMMANDS
from mixbench.verdicts.undrawn import failures, other_environments

SECTIONS: dict[str, Study[Any]] = {
    "cost": COST,
    "speed": SPEED,
    "data-efficiency": DATA_EFFICIENCY,
    "tune": TUNE,
    "attention-map": ATTENTION_MAP,
}
"""How the section of a study is made, by its name, in the order of the page."""
TITLE, QUESTION = "What these token mixers cost", "What does each of these token mixers cost, and how sure are we?"
MOST_ANSWERS = 8
"""Sentences at the top of the page."""


def _silent(_: str) -> None: ...


def contents_of(folder: ResultsFolder, baseline: str | None = None, doing: Callable[[str], None] = _silent) -> Contents:
    """What the page of a results folder shows: of each study the rows that its command and its figures show.

    `baseline` is a mixer's name or label, by default that of each study; `doing` is told what is done now. A table that cannot
    be read is a warning on the page, as is a study without that baseline. Raises RequestError if there is nothing to show,
    UnknownNameError if no study has the baseline.
    """
    told: list[str] = []
    every = _read(folder, told)
    contents = folder.environments_of(*every.values())
    ready: dict[str, Ready[Any]] = {}
    unknown: list[UnknownNameError] = []
    for name, study in SECTIONS.items():
        doing(f"judging {name}")
        try:
            if found := _judged(name, study, ChosenRows(folder, every), every, baseline, contents):
                ready[name] = found
        except UnknownNameError as error:
            unknown.append(error)
            told.append(f"Not shown: {name}: {error}")
        except MixbenchError as error:
            told.append(f"Not shown: {name}: {error}")
    mixers: dict[MixerKey, bool] = {}
    for own in ready.values():
        for mixer, shown in own.mixers.items():
            mixers[mixer] = mixers.get(mixer, False) or shown
    looks = looks_of(mixers, {mixer for mixer, shown in mixers.items() if shown})
    by_study = dict(_sections(ready, looks, told, doing))
    if unknown and not any(SECTIONS[name].compares for name in by_study):
        raise unknown[0]
    stated = study_of(ChosenRows(folder, every), folder.path, baseline, told)
    claims = claims_section(stated.judged)
    sections = [*([claims] if claims else []), *by_study.values()]
    if not sections:
        reason = f": {told[0]}" if told else ""
        raise RequestError(f"{folder.path} has nothing for a page{reason}", "Measure first: mixbench speed.")
    return Contents(
        title=stated.title or TITLE,
        question=stated.question or QUESTION,
        answers=_most_important(sections),
        sections=sections,
        looks=looks.records(),
        commands=[*filter(None, [stated.command]), *_commands(folder, ready)],
        machines=[*_machines(every, ready, contents)],
        warnings=[*told, *_left_out(every, ready, contents), *filter(None, map(failures_sentence, by_study.values()))],
    )


def _read(folder: ResultsFolder, told: list[str]) -> dict[type[Row], Sequence[Any]]:
    """Every table that a section reads; what is wrong with one is `told`."""
    found: dict[type[Row], Sequence[Any]] = {}
    for row_type in dict.fromkeys([*(row_type for name in SECTIONS for row_type in READS[name]), LaunchRow]):
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                found[row_type] = folder.selection(row_type)
            told += [str(warning.message) for warning in said]
        except MixbenchError as error:
            found[row_type] = ()
            told.append(f"{TABLE_FILES[row_type]} is not shown: {error}")
    return found


def _sections(
    ready: Mapping[str, Ready[Any]], looks: Looks, told: list[str], doing: Callable[[str], None]
) -> Iterator[tuple[str, Section]]:
    """The sections by study; what cannot be shown is `told`."""
    for name, own in ready.items():
        doing(f"drawing {name}")
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                section = own.section(looks)
        except MixbenchError as error:
            told.append(f"Not shown: {name}: {error}")
            continue
        told += [f"Not shown: {warning.message}" for warning in said]
        if section:
            yield name, section


def _judged(
    name: str,
    study: Study[Any],
    folder: ResultsFolder,
    every: Mapping[type[Row], Sequence[Any]],
    baseline: str | None,
    contents: Environments,
) -> Ready[Any] | None:
    tables = of_one_environment(name, every, contents)
    if not any(tables.values()):
        return None
    first = next(filter(None, tables.values()))
    source = Source(folder, tables, baseline, contents, machine_words(contents.get(choose_environment(first), {})))
    return Ready(study, study.judged(source), source)


def _most_important(sections: Sequence[Section]) -> list[str]:
    """The verdicts on all claims, then a few sentences of each section, the first ones first."""
    claims = [answer for section in sections if section.anchor == CLAIMS for answer in section.answers]
    answers = [*claims]
    for place in range(MOST_ANSWERS):
        answers += [section.answers[place] for section in sections if place < len(section.answers)]
    kept = [*dict.fromkeys(answers)][: max(MOST_ANSWERS, len(claims))]
    return [answer for section in sections for answer in section.answers if answer in kept]


def _commands(folder: ResultsFolder, ready: Mapping[str, Ready[Any]]) -> Iterator[str]:
    """The commands that make the rows that are shown, once more."""
    texts: Mapping[str, Any] = {}
    with suppress(StorageError):
        texts = read_texts(folder.path)
    for name, own in ready.items():
        if name in COMMANDS:
            yield from COMMANDS[name](own.source.rows(READS[name][0]), texts)


def _machines(
    every: Mapping[type[Row], Sequence[Any]], ready: Mapping[str, Ready[Any]], contents: Environments
) -> Iterator[str]:
    """The environments that are shown, in words: machine, system and versions."""
    shown = [name for own in ready.values() for rows in own.source.tables.values() for name in distinct(rows, "environment")]
    for name in dict.fromkeys(shown):
        content = contents.get(name, {})
        versions = [f"{key} {content[key]}" for key in ("os", "python", "torch", "mixbench") if content.get(key)]
        yield " · ".join([machine_words(content), *versions])
    yield from dict.fromkeys(words for own in ready.values() for words in shown_machines(every, own.source.tables, contents))


def _left_out(
    every: Mapping[type[Row], Sequence[Any]], ready: Mapping[str, Ready[Any]], contents: Environments
) -> Iterator[str]:
    drawn: dict[type[Row], set[str]] = {row_type: set() for row_type in every if row_type is not LaunchRow}
    for own in ready.values():
        for row_type, rows in own.source.tables.items():
            drawn[row_type].update(distinct(rows, "environment"))
    drawable = {row_type: every[row_type] for row_type in drawn}
    words = ("not shown", "of environment {}")
    yield from other_environments(drawable, drawn, lambda name: contents.get(name, {}), words)
    yield from failures(every)
