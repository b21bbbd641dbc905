from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _children_find_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
