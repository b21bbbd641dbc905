from __future__ import annotations

import pytest

from mixbench.errors import RequestError
from mixbench.tasks.reading.rows import Columns, Rows


def test_a_column_has_one_role():
    with pytest.raises(RequestError, match="a column is named twice: a, b, a"):
        Columns("a", "b", "a")


def test_rows_can_be_taken():
    rows = Rows("s", "line", [2, 3, 4], ["a", "b", "c"], [], ["x", "y", "z"])
    assert rows.take([2, 0]) == Rows("s", "line", [4, 2], ["c", "a"], [], ["z", "x"])
