"""Figures of attention maps from stored maps alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_maps import TOKENS, map_rows, write_maps

from mixbench.errors import StorageError
from mixbench.plots.attention_map import _borders, against_even, draw_attention_maps, map_figure
from mixbench.tables.artefacts import StoredMap, read_map
from mixbench.verdicts.attention_map import summarise

SHARES = {"attention": 0.6, "hypermixer": 0.4, "none": None}


def test_a_figure_is_drawn_for_each_task_that_has_maps(tmp_path: Path) -> None:
    rows = map_rows(SHARES, drawn=(0, 1)) + map_rows(SHARES, drawn=(3,), task="mqar")
    write_maps(rows[:60], tmp_path)
    write_maps(rows[60:], tmp_path, signals=False)
    drawn = draw_attention_maps(rows, tmp_path, ("png", "svg"))
    names = [path.name for path in drawn]
    assert names == ["attention-map-shapes.png", "attention-map-shapes.svg", "attention-map-mqar.png", "attention-map-mqar.svg"]
    assert all(path.parent == tmp_path / "figures" for path in drawn)
    text = drawn[1].read_text()
    for words in (
        "needed",
        "attention",
        "% on needed inputs",
        "no distant inputs",
        "example 1",
        "relative to an even map",
        "width 64",
    ):
        assert words in text, words


def test_other_data_of_one_task_have_a_figure_of_their_own(tmp_path: Path) -> None:
    rows = map_rows(SHARES, drawn=(0,)) + map_rows(SHARES, drawn=(0,), settings='{"task":{"data":"other"}}')
    write_maps(rows, tmp_path)
    assert [path.name for path in draw_attention_maps(rows, tmp_path)] == [
        "attention-map-shapes.png",
        "attention-map-shapes-2.png",
    ]


def test_requested_examples_are_drawn_and_missing_maps_left_out(tmp_path: Path) -> None:
    rows = map_rows(SHARES, drawn=(0, 1, 2))
    write_maps(rows, tmp_path)
    (task,) = summarise(rows)
    maps = {line.label: {2: read_map(tmp_path / line.drawn[2])} for line in task.lines}
    del maps["none"][2]
    figure = map_figure(task, maps)
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 3  # needed, two mixers
    assert [axes.images[0].norm.vmax for axes in images[1:]] == [pytest.approx(10.0)] * 2, "one scale for all"
    for row in rows:
        if row.map_file:
            (tmp_path / row.map_file).unlink()
    assert draw_attention_maps(rows, tmp_path) == []
    assert draw_attention_maps([], tmp_path) == []


def test_a_damaged_map_is_named(tmp_path: Path) -> None:
    rows = map_rows({"attention": 0.6}, drawn=(0,))
    write_maps(rows, tmp_path)
    file = tmp_path / rows[0].map_file
    for content in (file.read_bytes()[:100], b"", b"text"):
        file.write_bytes(content)
        with pytest.raises(StorageError, match=r"attention-0-0\.npz is damaged"):
            draw_attention_maps(rows, tmp_path)
    np.savez(file.open("wb"), norms=np.zeros(3))
    with pytest.raises(StorageError, match=r"attention-0-0\.npz is damaged"):
        read_map(file)


def test_an_even_map_is_1_everywhere_whatever_its_sensitivity() -> None:
    right = np.zeros((TOKENS, TOKENS), bool)
    right[2:5, 7:10] = True
    inputs = np.zeros(TOKENS, np.float32)
    even = StoredMap(np.full((TOKENS, TOKENS), 0.004, np.float32), right, inputs, inputs)
    np.testing.assert_allclose(against_even(even, 2), 1.0, rtol=1e-6)
    ideal = StoredMap(right.astype(np.float32), right, inputs, inputs)
    distant = [(i, j) for i in range(2, 5) for j in range(TOKENS) if abs(i - j) > 2]
    share = np.mean([right[place] for place in distant])
    assert against_even(ideal, 2).max() == pytest.approx(1 / share)
    empty = StoredMap(np.zeros((TOKENS, TOKENS), np.float32), right, inputs, inputs)
    assert (against_even(empty, 2) == 0).all()


def test_borders_enclose_what_is_needed() -> None:
    right = np.zeros((4, 4), bool)
    right[1, 2] = True
    sides = {tuple(map(tuple, side)) for side in _borders(right)}
    assert sides == {((1.5, 0.5), (2.5, 0.5)), ((1.5, 1.5), (2.5, 1.5)), ((1.5, 0.5), (1.5, 1.5)), ((2.5, 0.5), (2.5, 1.5))}
