"""The study of a folder on its page: title, question, command and claims, whose verdicts come first."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import fill_folder
from synthetic import speed_rows

from mixbench.reports.sections import MOST_ANSWERS, QUESTION, TITLE, contents_of
from mixbench.reports.sections.claims import CLAIMS
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import FILE, StudyRecord, write_study

STUDY = """title = "A study"
question = "Is it cheaper?"
source = "https://example.org/paper"

[speed]
tokens = "64..512"

[claims.time]
claim = "HyperMixer takes less time."
rule = "faster"
mixer = "hypermixer"
against = ["attention"]

[scale.small.speed]
tokens = "64..128"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill_folder(tmp_path, *speed_rows(("attention", "hypermixer"), (256, 512, 1024, 2048), round_noise=0.01, launch_noise=0.01))
    return tmp_path


def test_the_claims_of_a_study_come_first(folder: Path) -> None:
    write_study(folder, StudyRecord(STUDY, "small", "my.toml", "mixbench study my.toml --scale small"))
    found = contents_of(ResultsFolder(folder))
    assert (found.title, found.question) == ("A study · small", "Is it cheaper? · https://example.org/paper")
    assert found.commands[0] == "mixbench study my.toml --scale small"
    claims = found.sections[0]
    assert claims.anchor == CLAIMS
    assert found.answers[0] == claims.answers[0]
    verdict, _, sentence = claims.answers[1].partition(": ")
    assert verdict in ("Supported", "Contradicted", "Undecided")
    assert claims.answers[0].startswith("Of 1 claim, ")
    assert f"1 {'is ' if verdict == 'Supported' else ''}{verdict.lower()}" in claims.answers[0]
    assert sentence.startswith("HyperMixer takes less time. Results: ")
    assert "hypermixer" in sentence
    verdicts, numbers = claims.tables
    assert [cell.text for cell in verdicts.rows[0]][:3] == ["time", "HyperMixer takes less time.", verdict.lower()]
    assert all(row[3].value is not None or row[3].mark for row in numbers.rows)
    assert [download.file for download in claims.downloads] == ["claims.csv"]


def test_all_claims_of_a_study_are_at_the_top(folder: Path) -> None:
    head, claim = STUDY.split("[claims.time]")
    claim = claim.partition("[scale")[0]
    (folder / FILE).write_text(
        head + "".join(f"[claims.time-{place}]{claim.replace('takes', f'{place} takes')}" for place in range(MOST_ANSWERS + 2))
    )
    found = contents_of(ResultsFolder(folder))
    assert found.answers == found.sections[0].answers
    assert len(found.answers) == 1 + MOST_ANSWERS + 2


def test_what_is_wrong_with_the_number_of_a_claim_stands_beside_it(tmp_path: Path) -> None:
    fill_folder(tmp_path, *speed_rows(("attention", "hypermixer"), (256, 512), contended=1.0))
    (tmp_path / FILE).write_text(STUDY)
    found = contents_of(ResultsFolder(tmp_path))
    value = found.sections[0].tables[1].rows[0][3]
    assert value.value is not None
    assert "disturbed" in value.mark
    assert any(warning.startswith("Speed: disturbed time and ratio (") for warning in found.warnings)


@pytest.mark.parametrize(
    ("content", "fault"),
    [("[[speed", "not TOML"), (STUDY.replace('"faster"', '"slower"'), "slower"), ('#: {"schema": 99}\n', "newer mixbench")],
)
def test_a_damaged_study_leaves_the_rest_of_the_page(content: str, fault: str, folder: Path) -> None:
    (folder / FILE).write_text(content)
    found = contents_of(ResultsFolder(folder))
    assert [section.anchor for section in found.sections] == ["speed"]
    assert any(fault in warning for warning in found.warnings)


def test_a_folder_without_a_study_has_a_title_of_its_own(folder: Path) -> None:
    found = contents_of(ResultsFolder(folder))
    assert (found.title, found.question) == (TITLE, QUESTION)
