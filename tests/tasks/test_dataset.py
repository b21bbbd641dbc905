from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mixbench.errors import StorageError
from mixbench.machine.folders import cache_folder
from mixbench.tasks.dataset import SPLITS, Dataset, Form, Split, digest_of, load, prepare

RECIPE = {"task": "counting", "version": 1, "options": {"train": 4, "draw": 1}}
FORM = Form(
    tokens=3, vocabulary=9, channels=0, output="class", classes=2, score="accuracy", labels=("even", "ungerade übrigens")
)


def split(start: int, count: int) -> Split:
    numbers = np.arange(start, start + count)
    return Split(
        inputs=np.stack([numbers, numbers + 1, numbers + 2], axis=1).astype(np.int32),
        lengths=np.full(count, 3, np.int32),
        targets=(numbers % 2).astype(np.int32),
        groups=numbers,
    )


def counting() -> Dataset:
    return Dataset(FORM, split(0, 4), split(4, 2), split(6, 3), remarks=("small",))


def never() -> Dataset:
    raise AssertionError("made again")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "below" / "cache"


def test_what_is_loaded_equals_what_was_made(cache: Path) -> None:
    loaded, made = load(prepare(RECIPE, counting, cache)), counting()
    assert (loaded.form, loaded.remarks) == (made.form, made.remarks)
    for name in SPLITS:
        for field in ("inputs", "lengths", "targets", "groups"):
            stored, expected = (getattr(getattr(dataset, name), field) for dataset in (loaded, made))
            np.testing.assert_array_equal(stored, expected)
            assert stored.dtype == expected.dtype
            assert isinstance(stored, np.memmap)
    assert (len(loaded.train), len(loaded.dev), len(loaded.test)) == (4, 2, 3)


def test_signals_and_values_are_stored_as_they_are(cache: Path) -> None:
    form = Form(tokens=3, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")
    values = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    part = Split(values[:, :, None], np.full(2, 3, np.int32), values, np.arange(2))
    loaded = load(prepare({"task": "line"}, lambda: Dataset(form, part, part, part), cache))
    assert loaded.form == form
    np.testing.assert_array_equal(loaded.dev.inputs[:, :, 0], values)


def test_the_same_recipe_is_made_once_and_another_beside_it(cache: Path) -> None:
    folder = prepare(RECIPE, counting, cache)
    assert prepare(dict(reversed(RECIPE.items())), never, cache) == folder
    assert prepare({**RECIPE, "version": 2}, counting, cache) != folder
    assert len(list(cache.iterdir())) == 2


def test_a_folder_says_what_it_was_made_from(cache: Path) -> None:
    folder = prepare(RECIPE, counting, cache)
    assert folder.name == digest_of(RECIPE)
    assert json.loads((folder / "form.json").read_text(encoding="utf-8"))["recipe"] == RECIPE


def test_a_digest_is_16_hexadecimal_digits_of_the_content() -> None:
    assert re.fullmatch("[0-9a-f]{16}", digest_of(RECIPE))
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1, "b": 3})


def test_data_that_cannot_be_made_or_written_leave_nothing(cache: Path) -> None:
    with pytest.raises(AssertionError, match="made again"):
        prepare(RECIPE, never, cache)
    assert not cache.exists()
    objects = np.array([None, None], dtype=object)
    unwritable = Split(objects, np.ones(2, np.int32), objects, np.arange(2))
    with pytest.raises(ValueError, match="allow_pickle"):
        prepare(RECIPE, lambda: Dataset(FORM, split(0, 2), unwritable, split(2, 2)), cache)
    assert list(cache.iterdir()) == []


def test_of_two_processes_that_make_the_same_the_first_wins_and_both_have_it(cache: Path) -> None:
    def slow() -> Dataset:
        prepare(RECIPE, counting, cache)
        return Dataset(FORM, split(0, 1), split(1, 1), split(2, 1))

    folder = prepare(RECIPE, slow, cache)
    assert len(load(folder).train) == 4
    assert list(cache.iterdir()) == [folder]


def test_what_a_killed_process_left_is_in_nobody_s_way_and_goes_after_a_day(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)
    first = prepare(RECIPE, counting, cache)
    old, young = cache / f".new-{first.name}-7", cache / ".new-other-8"
    first.rename(old)
    young.mkdir()
    day_before = time.time() - 25 * 3600
    os.utime(old, (day_before, day_before))
    assert prepare(RECIPE, counting, cache) == first
    assert sorted(cache.iterdir()) == sorted([first, young])


def _gone(folder: Path) -> None:
    (folder / "test-targets.npy").unlink()


def _not_a_folder(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


@pytest.mark.parametrize("damage", [_gone, _not_a_folder])
def test_a_folder_that_cannot_be_read_is_named(cache: Path, damage: Callable[[Path], None]) -> None:
    folder = prepare(RECIPE, counting, cache)
    damage(folder)
    with pytest.raises(StorageError, match=re.escape(f"cannot read the data set {folder}")):
        load(folder)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write the data set"):
        prepare(RECIPE, counting, tmp_path / "file")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MIXBENCH_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/mixbench"),
        ({}, "/home/me/.cache/mixbench"),
    ],
)
def test_the_cache_is_where_the_user_says_or_where_caches_are(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.delenv("MIXBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_without_a_folder_the_cache_is_used(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(cache))
    assert prepare(RECIPE, counting).parent == cache
