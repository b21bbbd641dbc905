"""How texts were named is kept with the results, relative to their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixbench.errors import StorageWarning
from mixbench.tables.texts import read_texts, write_texts


def test_names_are_found_again_from_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    given = {"train": Path("my data/train.tsv"), "test": 0.2, "text": "words", "skip_bad_rows": True}
    write_texts(Path("results"), {"0f": given})
    write_texts(Path("results"), {"1e": {"train": Path("/elsewhere/train.csv")}})
    assert read_texts(Path("results"))["0f"] == given
    monkeypatch.chdir(tmp_path / "results")
    assert read_texts(Path())["0f"] == {**given, "train": Path("../my data/train.tsv")}
    (train,) = read_texts(Path())["1e"].values()
    assert train.resolve() == Path("/elsewhere/train.csv")


def test_no_file_holds_no_names_and_a_damaged_one_is_left_out_with_a_warning(tmp_path: Path) -> None:
    assert read_texts(tmp_path) == {}
    (tmp_path / "texts.json").write_text(
        '{"0f": {"files": {"train": 3}, "options": {}}, "1e": 7, "2d": {"files": {}, "options": {}}}'
    )
    assert read_texts(tmp_path) == {"2d": {}}
    (tmp_path / "texts.json").write_text("[")
    with pytest.warns(StorageWarning, match=r"texts\.json: left out"):
        assert read_texts(tmp_path) == {}
