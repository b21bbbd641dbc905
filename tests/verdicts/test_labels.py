"""Which mixers of some rows a text means."""

from __future__ import annotations

from pathlib import Path

from mixbench.verdicts.labels import find_mixers


def test_a_mixer_of_a_file_is_found_wherever_the_file_lay_but_only_in_the_version_of_one_that_is_there(tmp_path: Path) -> None:
    mixers = [("mine.py:Mine", '{"file_sha256":"aa","gain":2}'), ("attention", '{"heads":4}')]
    assert find_mixers("else where/mine.py:Mine", mixers) == mixers[:1]
    assert find_mixers("else where/mine.py:Other", mixers) == []
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    assert find_mixers(f"{tmp_path}/mine.py:Mine", mixers) == []
