"""What runs in CI says the same as the program: workflow, action and the script of the counts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import commands, parse
from places import REPOSITORY

ACTION = REPOSITORY / ".github" / "actions" / "mixbench" / "action.yml"
WORKFLOW = REPOSITORY / ".github" / "workflows" / "performance.yml"
COUNTS = REPOSITORY / ".ci" / "counts"


def loaded(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def script_of_the_duel() -> str:
    script: str = loaded(ACTION)["runs"]["steps"][-1]["run"]
    return script


def run_action(tmp_path: Path, **variables: str) -> list[str]:
    """The words with which the action calls mixbench, which is replaced by a program that prints them."""
    program = tmp_path / "bin" / "mixbench"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:], sep='\\n')\n")
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", "OUTPUT": "gate", "GITHUB_BASE_REF": "", **variables}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script_of_the_duel()], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_action_calls_the_duel_as_the_program_takes_it(tmp_path):
    inputs = loaded(ACTION)["inputs"]
    words = run_action(tmp_path, BASE="abc", MIXERS=inputs["mixers"]["default"], OPTIONS="--tokens 64..1024 --mode training")
    parse(["mixbench", *words])
    assert words[:3] == ["duel", "abc", "."]
    assert [words[place + 1] for place, word in enumerate(words) if word == "--mixer"] == [
        "attention",
        "hypermixer",
        "mlp-mixer",
    ]


def test_without_a_base_the_action_takes_the_commit_before(tmp_path):
    assert run_action(tmp_path, BASE="", MIXERS="fnet", OPTIONS="")[1] == "HEAD~1"


def test_every_input_that_the_workflow_gives_is_one_of_the_action():
    (step,) = (step for step in loaded(WORKFLOW)["jobs"]["gate"]["steps"] if step.get("uses") == "./.github/actions/mixbench")
    assert set(step["with"]) <= set(loaded(ACTION)["inputs"])
    mixers = step["with"]["mixers"].split()
    parse(["mixbench", "duel", "a", "b", *shlex.split(step["with"]["options"]), *(w for m in mixers for w in ("--mixer", m))])


def test_every_input_of_the_action_reaches_a_script():
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text()))
    assert used == set(loaded(ACTION)["inputs"])


def test_the_workflow_of_the_readme_gives_inputs_that_the_action_has():
    (block,) = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    (step,) = (step for step in yaml.safe_load(block)["jobs"]["gate"]["steps"] if "mixbench" in step["uses"])
    assert set(step["with"]) <= set(loaded(ACTION)["inputs"])
    parse(["mixbench", "duel", "a", "b", "--mixer", step["with"]["mixers"], *shlex.split(step["with"]["options"])])


def test_the_script_of_the_counts_measures_what_their_readme_says():
    measured, compared = commands((REPOSITORY / "results" / "counts" / "README.md").read_text())
    lines = [shlex.split(line.split(" >")[0]) for line in COUNTS.read_text().splitlines() if line.startswith('"$mixbench"')]
    assert [["mixbench", *words[1:]] for words in lines] == [
        [*measured[:-1], "$now"],
        [word if word != "results/now" else "$now" for word in compared],
    ]


@pytest.mark.parametrize("step", ["counts", "ruff check", "ruff format --check", "mypy"])
def test_ci_runs_every_check(step):
    assert step in (REPOSITORY / ".ci" / "run").read_text()
