"""What is said of a study before anything runs: claims that no planned row can match, and what costs will lack."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import fill_folder
from sample_rows import speed_row

from mixbench.api.study_options import StudyOptions
from mixbench.api.study_run import PreparedStudy, prepare_study
from mixbench.parsing.study_file import StudyFileError
from mixbench.verdicts.claims.rules import RULES

BASE = """\
[mixers]
mixer = ["attention", "none"]
[model]
width = 8
task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
[[speed]]
tokens = "16..32"
mode = "inference,training"
[data-efficiency]
sizes = [20, 40]
seeds = 1
"""
SEARCH = "[tune]\ntrials = 2\nsize = 1.0\n"
BLOCKS = '[[speed]]\ntokens = 8\nscope = "block"\nmode = "training"\nlaunches = 3\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def prepared(text: str, **options: object) -> PreparedStudy:
    Path("s.toml").write_text(text)
    return prepare_study(StudyOptions(file="s.toml", plan=True, **options))  # type: ignore[arg-type]


def claim(rule: str, *options: str, name: str = "a") -> str:
    return "\n".join([f"[claims.{name}]", 'claim = "x"', f'rule = "{rule}"', 'mixer = "none"', *options, ""])


def faults_of(text: str, **options: object) -> list[tuple[str, str]]:
    """The line of each fault as the file has it, and what is told."""
    with pytest.raises(StudyFileError) as caught:
        prepared(text, **options)
    lines = text.splitlines()
    return [(lines[fault.line - 1], f"{fault.text}. {fault.hint}") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("rule", "option", "told"),
    [
        ("faster", 'dtype = "bfloat16"', "no part makes a row of speed.csv with dtype bfloat16. Planned: float32."),
        ("faster", 'mode = "decode"', "speed.csv with mode decode. Planned: inference, training."),
        ("faster", 'scope = "model"', "speed.csv with scope model. Planned: mixer."),
        ("faster", "width = 16", "speed.csv with width 16. Planned: 8."),
        ("faster", "from-tokens = 64", "speed.csv with from-tokens 64. Planned: 16, 32."),
        ("faster", 'against = ["hyena"]', "hyena will not be in speed.csv. Its mixers: attention, none."),
        ("better-score", 'device = "cuda"', "data_efficiency.csv with device cuda. Planned: cpu."),
        ("better-score", 'task = "shapes"', "data_efficiency.csv with task shapes. Planned: majority."),
        ("better-score", "size = 30", "data_efficiency.csv with size 30. Planned: 40, 20."),
        ("fewer-examples", "layers = 2", "data_efficiency.csv with layers 2. Planned: 1."),
    ],
)
def test_what_a_claim_asks_and_no_part_makes_is_a_fault_in_its_line(rule: str, option: str, told: str) -> None:
    ((line, text),) = faults_of(BASE + claim(rule, option))
    assert line == option
    assert text.startswith("claim a: ")
    assert told in text


def test_all_that_a_claim_asks_in_vain_is_told_at_once_and_each_time_with_what_was_there_before() -> None:
    text = (
        BASE + claim("faster", 'mode = "training"', "width = 16", 'dtype = "float16"') + claim("on-par", "margin=0.1", name="b")
    )
    text = text.replace('mixer = "none"\nmargin', 'mixer = "hyena"\nmargin')
    assert faults_of(text) == [
        ("width = 16", "claim a: no part makes a row of speed.csv with mode training, width 16. Planned: 8."),
        (
            'dtype = "float16"',
            "claim a: no part makes a row of speed.csv with mode training, dtype float16. Planned: float32.",
        ),
        ('mixer = "hyena"', "claim b: hyena will not be in data_efficiency.csv. Its mixers: attention, none."),
    ]


def test_claims_that_parts_can_match_or_whose_table_no_part_makes_are_none() -> None:
    own = ("task = 'majority'", "device = 'cpu'", "width = 8", "tokens = 8", "size = 40")
    assert prepared(BASE + claim("better-score", *own) + claim("faster", "from-tokens = 32", name="b")).warnings == ()
    alone = prepared("[claims.a]\n" + claim("faster", 'dtype = "bfloat16"').partition("\n")[2])
    assert alone.warnings == ("The claim a needs speed.csv, which no part of the file makes.",)


def test_parts_that_are_not_asked_for_now_still_make_the_rows_of_claims() -> None:
    assert faults_of(BASE + claim("faster", "width = 16"), only="data-efficiency")[0][0] == "width = 16"
    assert prepared(f"{BASE}{SEARCH}{BLOCKS}[cost]\n", only="cost").warnings == ()


def test_the_device_of_the_command_line_counts() -> None:
    text = BASE + claim("faster", 'device = "cuda"')
    assert faults_of(text)[0][0] == 'device = "cuda"'
    assert prepared(text, device="cuda").claims


def test_before_a_data_set_is_loaded_nothing_is_said_of_its_length_and_size() -> None:
    text = BASE.replace("majority:train=60,dev=20,test=20,tokens=8,symbols=2", "hf:glue/sst2").replace("[20, 40]", "[0.1, 20]")
    assert prepared(text + claim("better-score", "size = 6735", "tokens = 64")).warnings == ()
    ((line, _),) = faults_of(text + claim("better-score", "size = 6735", "width = 64"))
    assert line == "width = 64"


def test_every_rule_says_which_tables_it_reads() -> None:
    options = {option.name for rule in RULES.values() for option in rule.options}
    for rule in RULES.values():
        assert rule.reads, rule.name
        for names in rule.reads.values():
            assert set(names) <= options


def test_a_cost_whose_examples_no_part_times_is_told_with_the_part_to_add() -> None:
    (told,) = prepared(f"{BASE}{SEARCH}[cost]\n").warnings
    assert told.startswith(
        "For cost, no part measures the time of an example of attention, none (majority · 1 layer · width 8 · 8 tokens · cpu)."
    )
    assert "mixbench speed --mixer attention --mixer none --tokens 8 --width 8 --scope block --mode training" in told
    assert prepared(f"{BASE}{SEARCH}{BLOCKS}[cost]\n").warnings == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("width = 16", "of attention, none"),
        ('scope = "model"\nlayers = 3', "of attention, none"),
        ('mixer = "attention"\nbaseline = "attention"', "of none ("),
        ('mode = "decode"\nmixer = "none"', "of attention, none"),
    ],
)
def test_times_at_another_shape_or_of_other_mixers_do_not_count(change: str, told: str) -> None:
    name = change.partition(" ")[0]
    kept = "".join(line for line in BLOCKS.splitlines(keepends=True) if not line.startswith(name))
    (warning,) = prepared(f"{BASE}{SEARCH}{kept}{change}\n[cost]\n").warnings
    assert told in warning


def test_what_the_cost_is_asked_for_counts() -> None:
    text = f"{BASE}{SEARCH}{BLOCKS}"
    (told,) = prepared(f'{text}[cost]\nmode = "inference"\n').warnings
    assert "--mode inference" in told
    (energy,) = prepared(f'{text}[cost]\nmeasure = "energy"\n').warnings
    assert energy.startswith("For cost, no part measures the energy of an example")
    assert "--energy" in energy
    assert prepared(f'{text.replace("launches = 3", "energy = true")}[cost]\nmeasure = "energy"\n').warnings == ()


def test_a_claim_that_a_mixer_is_cheaper_is_looked_at_likewise() -> None:
    (told,) = prepared(f"{BASE}{SEARCH}{claim('cheaper')}").warnings
    assert told.startswith("For the claim a, no part measures the time of an example")
    block = claim("cheaper", 'scope = "block"')
    assert prepared(f"{BASE}{SEARCH}{BLOCKS}{block}").warnings == ()


def test_a_claim_asks_for_the_times_of_its_own_mixers_at_the_shape_that_it_names() -> None:
    text = BASE.replace('"none"]', '"none", "fnet"]').replace("width = 8", 'width = "8,16"')
    searches = f"[[tune]]\nwidth = 8\n{SEARCH[7:]}[[tune]]\nwidth = 16\n{SEARCH[7:]}"
    timed = f'{BLOCKS}mixer = ["attention", "none"]\nwidth = 8\n'
    assert prepared(f"{text}{searches}{timed}{claim('cheaper', 'width = 8')}").warnings == ()
    (wide,) = prepared(f"{text}{searches}{timed}{claim('cheaper')}").warnings
    assert "of attention, none (majority · 1 layer · width 16 " in wide
    cost = prepared(f"{text}{searches}{timed}[cost]\n").warnings
    assert [told.split("(")[0].rpartition(" of ")[2] for told in cost] == ["fnet ", "attention, fnet, none "]


def test_a_cost_of_mixers_that_are_not_both_trained_and_tuned_is_told() -> None:
    other = SEARCH.replace("[tune]\n", "[tune]\nwidth = 16\n")
    for text in (BASE, BASE + other):
        (told,) = prepared(f"{text}{BLOCKS}[cost]\n").warnings
        assert told.startswith("For cost, data-efficiency and tune must train the same mixers on one task")


def test_of_trials_that_were_made_elsewhere_nothing_is_said() -> None:
    text = BASE + claim("fewer-trials", "width = 99") + claim("cheaper", name="b")
    assert len(prepared(f"{text}[cost]\n").warnings) == 3
    assert prepared(f'{text}[tune]\nfrom = "trials.csv"\n[cost]\n').warnings == ()


def test_what_the_folder_has_already_is_not_lacking() -> None:
    text = f"{BASE}{SEARCH}[cost]\n"
    assert prepared(text, results="r").warnings
    shape = {"tokens": 8, "width": 8, "scope": "block", "mode": "training", "latency_ms": 1.0}
    mixers = (("attention", '{"heads":4}'), ("none", "{}"))
    fill_folder("r", [speed_row(mixer=name, config=config, **shape) for name, config in mixers])
    assert prepared(text, results="r").warnings == ()
