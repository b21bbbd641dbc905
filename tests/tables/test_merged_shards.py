"""By the manifests, a merge tells which shards are missing, unfinished or have failures, and what runs just those."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest
from folders import fill_folder
from synthetic_training import training_rows

from mixbench.errors import StorageError
from mixbench.tables.manifest import Manifest, shard_folder, write_manifest
from mixbench.tables.merged_shards import FILE, MergedPlan, ShardGaps, ShardState, gaps, read_plans
from mixbench.tables.merging import Merged, merge_folders
from mixbench.tables.results import ResultsFolder

COMMAND = "mixbench data-efficiency --mixer 'a b.py:Mine' --steps 5"


def shard(
    place: Path, number: int, of: int = 4, *, failed: bool = False, finished: bool = True, plan: str = "0f", **manifest: object
) -> Path:
    """A shard with one run."""
    lost = {("fnet", 250, number): ("killed", "by a signal")} if failed else {}
    rows = training_rows(("fnet",), (250,), seeds=(number,), failures=lost)
    folder = fill_folder(place / shard_folder(number, of), rows)
    values = {"study": "data-efficiency", "command": COMMAND, "units": 1, "rows": {"data_efficiency": 1}, **manifest}
    write_manifest(folder, Manifest(shard=number, of=of, plan=plan, finished=finished, **values))  # type: ignore[arg-type]
    return folder


def only_gap(merged: Merged) -> ShardGaps:
    (gap,) = merged.shards
    return gap


def test_all_shards_are_a_whole_plan(tmp_path: Path) -> None:
    merged = merge_folders([shard(tmp_path, number) for number in (1, 2, 3, 4)], tmp_path / "all")
    assert (only_gap(merged).is_open, only_gap(merged).commands, merged.is_complete) == (False, [], True)


def test_what_is_missing_is_named_with_the_command_word_for_word(tmp_path: Path) -> None:
    folders = [shard(tmp_path, 1), shard(tmp_path, 2, finished=False), shard(tmp_path, 4, failed=True)]
    merged = merge_folders(folders, tmp_path / "all")
    gap = only_gap(merged)
    assert (gap.missing, gap.unfinished, gap.failed) == ((3,), (2,), (4,))
    assert gap.commands == [
        f"for i in 2 3; do {COMMAND} --shard $i/4; done",
        f"{COMMAND} --retry-failed --shard 4/4",
    ]
    assert not merged.is_complete


def test_a_folder_that_shards_were_merged_into_brings_what_it_knows_of_them(tmp_path: Path) -> None:
    merge_folders([shard(tmp_path, 1), shard(tmp_path, 2, failed=True)], tmp_path / "half")
    merge_folders([shard(tmp_path, 3)], tmp_path / "other")
    for folders in ([tmp_path / "half", tmp_path / "other"], [tmp_path / "other"]):
        gap = only_gap(merge_folders(folders, tmp_path / "all"))
        assert (gap.missing, gap.unfinished, gap.failed) == ((4,), (), (2,))


def test_shards_that_were_merged_before_are_known_and_failures_are_forgotten_once_they_are_measured(tmp_path: Path) -> None:
    into = tmp_path / "all"
    merge_folders([shard(tmp_path, 1), shard(tmp_path, 2, failed=True)], into)
    gap = only_gap(merge_folders([shard(tmp_path, 3)], into))
    assert (gap.missing, gap.failed) == ((4,), (2,))
    assert gap.commands == [f"{COMMAND} --shard 4/4", f"{COMMAND} --retry-failed --shard 2/4"]
    again = [shard(tmp_path / "again", 2), shard(tmp_path, 4)]
    merged = merge_folders(again, into)
    assert (only_gap(merged).is_open, merged.is_complete) == (False, True)
    before = (into / FILE).read_bytes()
    older = [tmp_path / shard_folder(number, 4) for number in (1, 2)]
    assert merge_folders(older, into).is_complete, "the failed row of the first try is known to be measured"
    assert (into / FILE).read_bytes() == before


def test_a_shard_that_lacks_rows_is_not_finished(tmp_path: Path) -> None:
    merged = merge_folders([shard(tmp_path, 1, of=1, rows={"data_efficiency": 2, "speed": 0})], tmp_path / "all")
    assert only_gap(merged).unfinished == (1,)
    assert only_gap(merged).commands == [f"{COMMAND} --shard 1/1"]


def test_a_shard_without_its_environment_is_missing(tmp_path: Path) -> None:
    folder = shard(tmp_path, 1, of=1)
    next((folder / "environments").iterdir()).unlink()
    other = shard(tmp_path / "other", 1, of=2)
    merged = merge_folders([folder, other], tmp_path / "all")
    assert {gap.plan.of: gap.missing for gap in merged.shards} == {2: (2,)}
    assert not merged.is_complete


def test_a_shard_that_is_running_is_not_run_again(tmp_path: Path) -> None:
    first, second = shard(tmp_path, 1, of=3), shard(tmp_path, 2, of=3, finished=False)
    with ResultsFolder(second).writing():
        gap = only_gap(merge_folders([first, second], tmp_path / "all"))
    assert (gap.missing, gap.running) == ((3,), (2,))
    assert gap.commands == [f"{COMMAND} --shard 3/3"]


def test_shards_of_other_options_are_another_plan(tmp_path: Path) -> None:
    folders = [shard(tmp_path, 1, of=2), shard(tmp_path, 2, of=2, plan="1f", command="mixbench data-efficiency --steps 9")]
    merged = merge_folders(folders, tmp_path / "all")
    assert [gap.commands for gap in merged.shards] == [
        [f"{COMMAND} --shard 2/2"],
        ["mixbench data-efficiency --steps 9 --shard 1/2"],
    ]


def test_a_plan_that_was_shared_out_in_two_ways_is_whole_if_one_of_them_is(tmp_path: Path) -> None:
    folders = [shard(tmp_path, 1, of=1), shard(tmp_path, 2, of=3)]
    merged = merge_folders(folders[1:], tmp_path / "all")
    assert [gap.missing for gap in merged.shards] == [(1, 3)]
    merged = merge_folders(folders, tmp_path / "all")
    assert [(gap.plan.of, gap.is_open) for gap in merged.shards] == [(1, False)]


def test_what_starts_anew_is_left_out_of_the_command() -> None:
    plan = MergedPlan("0f", "speed", "mixbench speed --fresh --mixer 'a b.py:M'", 2, {1: ShardState(True)})
    (command,) = gaps(plan).commands
    assert shlex.split(command) == ["mixbench", "speed", "--mixer", "a b.py:M", "--shard", "2/2"]


@pytest.mark.parametrize(
    ("known", "loop"),
    [({}, "for i in $(seq 1 9); do"), ({5: ShardState(True)}, "for i in $(seq 1 4) $(seq 6 9); do"),
     (dict.fromkeys((2, 3, 5), ShardState(True)), "for i in 1 4 $(seq 6 9); do")],
)  # fmt: skip
def test_many_shards_in_a_row_are_counted(known: Mapping[int, ShardState], loop: str) -> None:
    (command,) = gaps(MergedPlan("0f", "speed", "mixbench speed", 9, known)).commands
    assert command == f"{loop} mixbench speed --shard $i/9; done"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null",
     '{"schema":0,"plans":[]}', '{"schema":1,"plans":[{}]}', '{"schema":1,"plans":[7]}', '{"schema":1,"plans":7}',
     '{"schema":1,"plans":[{"plan":"","study":"","command":"","of":"x","shards":{}}]}',
     '{"schema":1,"plans":[{"plan":"","study":"","command":"","of":1,"shards":{"a":{}}}]}',
     '{"schema":1,"plans":[{"plan":"","study":"","command":"","of":1,"shards":{"1":{"finished":true,"failed":["x"]}}}]}',
     '{"schema":1,"plans":[{"plan":"","study":"speed","command":"mixbench speed","of":1000000000000,"shards":{}}]}',
     '{"schema":1,"plans":[{"plan":"","study":"speed","command":"mixbench speed \'","of":1,"shards":{}}]}'],
)  # fmt: skip
def test_a_damaged_file_of_shards_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StorageError, match=r"shards\.json is damaged") as caught:
        read_plans(tmp_path)
    assert caught.value.hint == "Delete it, and merge every shard again."


def test_a_damaged_manifest_leaves_the_folder_out(tmp_path: Path) -> None:
    folder = shard(tmp_path, 1)
    (folder / "shard.json").write_text("{")
    merged = merge_folders([folder], tmp_path / "all")
    assert "shard.json is damaged" in str(merged.unreadable[0])
    assert merged.shards == ()
