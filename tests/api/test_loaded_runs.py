"""What a checkpoint says of its training run is checked before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder

from mixbench.api import attention_map
from mixbench.errors import RequestError
from mixbench.execution import Finished
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.results import ResultsFolder

ROW = {
    "task": "shapes",
    "mixer": "attention",
    "config": '{"heads":4}',
    "layers": 1,
    "width": 32,
    "tokens": 100,
    "train_size": 100,
    "device": "cpu",
    "settings": canonical_json({"task": {"data": "0f", "options": {"train": 100}}}),
    "seed": 0,
}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"settings": "[" * 10**5}, "holds no training run: more than 32 levels"),
        ({"settings": "{"}, "holds no training run: Expecting"),
        ({"settings": '{"task":7}'}, "holds no training run: task is 7, not an object"),
        ({"settings": '{"task":{"options":[]}}'}, r"task.options is \[\], not an object"),
        ({"settings": '{"task":{"options":{"such":1}}}'}, "unknown option 'such' of shapes"),
        ({"settings": '{"task":{"options":{"train":{}}}}'}, "option 'train' of shapes cannot be '{}'"),
        ({"mixer": 7}, "holds no training run: mixer is 7, not str"),
        ({"task": ["shapes"]}, r"holds no training run: task is \['shapes'\], not str"),
        ({"layers": 0}, "layers is 0, not above 0"),
        ({"seed": "0"}, "seed is '0', not int"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast', not float"),
    ],
)
def test_a_checkpoint_that_describes_no_run_is_refused(
    changes: dict[str, Any], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = changes.get("learning_rate", 0.01)
    row = {name: value for name, value in (ROW | changes).items() if name != "learning_rate"}
    described = Finished({"checkpoints": [{"row": row, "learning_rate": rate, "target": ""}]})
    monkeypatch.setattr("mixbench.execution.run_each", lambda *given, **options: [described])
    with pytest.raises(RequestError, match=fault):
        attention_map.load_runs([tmp_path / "0f.pt"], ResultsFolder(tmp_path), Recorder(), timeout=1.0)
