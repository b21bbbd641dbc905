from __future__ import annotations

import json
from typing import Any

import pytest
from text_files import TEXT, write

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tasks.reading.files import read_rows
from mixbench.tasks.reading.rows import Columns

NESTED = [{"data": {"text": "a"}, "meta": [{"y": 1}]}, {"data": {"text": "b"}, "meta": [{"y": 0}]}]
PATHS = Columns("data.text", None, "meta.0.y")


@pytest.mark.parametrize("content", ["\n".join(map(json.dumps, NESTED)), json.dumps(NESTED), json.dumps(NESTED, indent=1)])
def test_nested_fields_are_named_by_their_path(content, tmp_path):
    rows = read_rows(write(tmp_path / "a.json", content), PATHS)
    assert (rows.texts, rows.labels) == (["a", "b"], ["1", "0"])


def test_a_key_with_dots_comes_before_a_path(tmp_path):
    line = json.dumps({"data.text": "a", "data": {"text": "b"}, "label": 1})
    assert read_rows(write(tmp_path / "a.jsonl", line), Columns("data.text", None, "label")).texts == ["a"]


def test_a_field_that_no_object_has_comes_with_the_paths_of_those_that_are_there(tmp_path):
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, NESTED)))
    with pytest.raises(UnknownNameError) as raised:
        read_rows(path, TEXT)
    assert str(raised.value) == f"unknown column 'text' in {path}"
    assert raised.value.hint == "Did you mean 'data.text'? Known: data.text, meta."


@pytest.mark.parametrize("meta", [{}, [], [5], [{}], {"0": 1}])
def test_a_field_that_some_objects_lack_is_told_by_row(meta, tmp_path):
    lines: list[dict[str, Any]] = [*NESTED, {"data": {"text": "c"}, "meta": meta}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    with pytest.raises(RequestError, match=r"line 3: there is no field 'meta\.0\.y'"):
        read_rows(path, PATHS)
