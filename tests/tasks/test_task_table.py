from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import run_python

from mixbench.errors import MixbenchError, RequestError, UnknownNameError
from mixbench.tasks import TASKS, choose_task

each_task = pytest.mark.parametrize("name", TASKS)


@each_task
def test_a_task_named_alone_has_every_option_at_its_default(name: str) -> None:
    chosen = choose_task(name)
    assert chosen.name == name
    assert chosen.options == TASKS[name].resolved({option.name: option.default for option in TASKS[name].options})
    assert "auto" not in chosen.options.values()
    assert chosen.options.keys() >= {"train", "dev", "test", "draw"}


def test_options_are_typed_and_the_others_keep_their_default() -> None:
    chosen = choose_task(" listops: tokens = 60, depth=4 ")
    assert (chosen.options["tokens"], chosen.options["depth"], chosen.options["arguments"]) == (60, 4, 4)


@each_task
def test_a_recipe_survives_json_and_says_all_that_determines_the_data(name: str) -> None:
    recipe = choose_task(f"{name}:draw=3").recipe
    assert json.loads(json.dumps(recipe)) == recipe
    assert (recipe["task"], recipe["version"], recipe["options"]["draw"]) == (name, TASKS[name].version, 3)


def test_another_draw_another_task_and_nothing_else_is_another_seed() -> None:
    seeds = {choose_task(text).seed for text in (*TASKS, "shapes:draw=2", "shapes:train=7", "mqar:tokens=99")}
    assert len(seeds) == len(TASKS) + 1
    assert choose_task("shapes:draw=1").seed == choose_task("shapes").seed


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("listop", "unknown task 'listop'", "Did you mean 'listops'?"),
        ("mine.py:Mine", "unknown task 'mine.py'", f"Known: {', '.join(sorted(TASKS))}."),
        ("shapes:tokens=50", "unknown option 'tokens' of shapes", "Known: dev, draw, test, train."),
        ("mqar:pair=4", "unknown option 'pair' of mqar", "Did you mean 'pairs'?"),
        ("listops:depth=0", "option 'depth' of listops cannot be '0'", "a positive whole number"),
        ("", "--task '' is not a task", f"Known: {', '.join(TASKS)}."),
        ("listops:depth", "--task 'listops:depth' is not a task", "name:option=value"),
        ("listops:depth=1,depth=2", "--task 'listops:depth=1,depth=2' is not a task", "each option once"),
        ("mqar:pairs=22", "22 pairs and as many queries need 66 tokens, not 64", "mixbench list"),
        ("mqar:vocabulary=15", "8 pairs need a vocabulary of 16: half of 15 symbols are keys", "mixbench list"),
        ("listops:arguments=1", "arguments must be at least 2", "mixbench list"),
        ("listops:tokens=3", "tokens must be at least 4", "mixbench list"),
        ("majority:symbols=1", "symbols is 1; it must be at least 2 and at most tokens, which is 32", "mixbench list"),
        ("majority:tokens=3", "symbols is 4; it must be at least 2 and at most tokens, which is 3", "mixbench list"),
        ("shapes:train=999999999", "1000001499 examples of 100 tokens are more than", "mixbench list"),
        ("majority:tokens=9999", "23000 examples of 9999 tokens are more than", "mixbench list"),
    ],
)
def test_a_wrong_task_says_what_is_wrong_and_what_next_before_anything_is_made(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        choose_task(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text", ["mqar:tokens=24", "mqar:vocabulary=16", "listops:arguments=2,tokens=4", "majority:symbols=32"]
)
def test_the_last_possible_option_is_possible(text: str) -> None:
    assert choose_task(text).task.fault(choose_task(text).options) is None


@given(st.text(max_size=30) | st.from_regex(rf"({'|'.join(TASKS)}):[a-z]{{1,6}}=[0-9]{{1,4}}", fullmatch=True))
def test_any_text_is_a_task_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(MixbenchError):
        assert choose_task(text).name in TASKS


def test_an_unknown_task_is_an_unknown_name() -> None:
    with pytest.raises(UnknownNameError):
        choose_task("mnist")


def test_reading_the_table_needs_no_numpy(tmp_path: Path) -> None:
    code = "import sys; from mixbench.tasks import choose_task; choose_task('mqar'); sys.exit('numpy' in sys.modules)"
    assert run_python("-c", code, folder=tmp_path).exit_code == 0
