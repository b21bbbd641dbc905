"""What is said of decode: latency per token by context, and from which context on a mixer keeps less than the baseline."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from synthetic import STATE, speed_rows

from mixbench.cli.text.speed import speed_table
from mixbench.mixers import MIXERS
from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.speed.cells import FORMS
from mixbench.verdicts.speed.notes import brief_notes
from mixbench.verdicts.speed.paper import paper_tables
from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.smaller import Smaller, in_words
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.verdicts import verdicts
from mixbench.verdicts.speed.view import standing_out, views_of

LENGTHS = (16, 32, 64, 128, 256)
GROWING = {"attention": (1.0, 2.0, 4.0, 8.0, 16.0)}


def decoded(times: dict[str, tuple[float, ...]], lengths: tuple[int, ...] = LENGTHS, **more: object) -> SpeedSummary:
    return summarise(
        *speed_rows(
            tuple(times),
            lengths,
            modes=("decode",),
            latency_ms=lambda mixer, tokens, *_: times[mixer][lengths.index(tokens)],
            **{"launch_noise": 0.005, "round_noise": 0.0, **more},  # type: ignore[arg-type]
        )
    )


@pytest.mark.parametrize(
    ("latencies", "along"),
    [
        ((6.0,) * 5, "it needs less time per token from a context of about * (*–*) tokens on"),
        ((0.1, 0.5, 6.0, 20.0, 30.0), "it needs less time per token up to a context of about * (*–*) tokens"),
        ((0.1,) * 5, "faster at every context from 16 on"),
        ((99.0,) * 5, "slower at every context from 16 on"),
    ],
)
def test_the_sentence_says_from_which_context_on_a_token_takes_less_time(latencies: tuple[float, ...], along: str) -> None:
    (found,) = verdicts(decoded({**GROWING, "min-gru": latencies}))
    assert fnmatchcase(found.sentence, f"min-gru * attention per token after 256 tokens; {along}. State: *"), found.sentence


def test_a_mixer_that_keeps_nothing_is_said_to_have_no_state() -> None:
    nothing = Smaller("state_mib", 0.0, (16, 32), (), None)
    assert in_words([nothing]) == "State: none, smaller at every context from 16 on."


def test_the_context_from_which_on_a_state_is_smaller_is_exact() -> None:
    (found,) = verdicts(decoded({**GROWING, "min-gru": (1.0,) * 5}))
    state, memory = found.smaller
    assert state == Smaller("state_mib", STATE / 512, (64, 128, 256), (16, 32), STATE // 2 + 1)
    assert memory.metric == "peak_memory_mib"
    assert "State: 0.195 times as large, smaller from a context of 51 tokens on. Peak memory: " in found.sentence
    (record,) = (each for each in records(decoded({**GROWING, "min-gru": (1.0,) * 5})) if each["table"] == "verdicts")
    assert (record["state_mib_smaller_from"], record["state_mib_ratio"]) == (51, STATE / 512)
    assert to_json(decoded({**GROWING, "min-gru": (1.0,) * 5}))["verdicts"][0]["smaller"][0]["smaller_from"] == 51


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (Smaller("state_mib", 0.5, (8, 16), (), None), "State: 0.500 times as large, smaller at every context from 8 on."),
        (Smaller("state_mib", 2.0, (), (8, 16), None), "State: 2.00 times as large, larger at every context from 8 on."),
        (Smaller("state_mib", 2.0, (), (8,), None), "State: 2.00 times as large."),
        (Smaller("state_mib", 1.0, (), (), None), "State: as large."),
        (
            Smaller("peak_memory_mib", 2.0, (16,), (8, 32), None),
            "Peak memory: 2.00 times as large, smaller at 16 tokens, larger at 8, 32.",
        ),
    ],
)
def test_a_size_is_put_into_words(size: Smaller, words: str) -> None:
    assert in_words([size]) == words


def test_in_other_modes_no_sizes_are_compared() -> None:
    (found,) = verdicts(summarise(*speed_rows(("attention", "min-gru"))))
    assert found.smaller == ()
    assert "State" not in found.sentence


def test_the_tables_show_the_state_and_how_it_grows_with_the_context() -> None:
    summary = decoded({**GROWING, "min-gru": (1.0,) * 5})
    (view,) = views_of(summary)
    assert view.state_exponents == pytest.approx({"attention": 1.0, "min-gru": 0.0})
    text = speed_table(summary, 200, terminal=True).plain
    assert "latency per token by context: attention in ms" in text
    header = next(line for line in text.splitlines() if "state MiB" in line)
    assert header.endswith("state grows as")
    assert next(line for line in text.splitlines() if line.startswith("attention ") and "N^" in line).endswith("N^1.00")
    assert any(note.startswith("decode: a call is one step") for note in brief_notes(summary, [view], FORMS[0]))
    (table,) = paper_tables(summary, {})
    assert table.caption[0].startswith("Latency per token by context")


def test_decode_and_other_modes_stand_apart_in_one_run() -> None:
    rows, launches = speed_rows(("attention", "min-gru"), modes=("inference", "decode"), launches=2, rounds=2)
    text = speed_table(summarise(rows, launches), 120, terminal=True).plain
    assert "latency by tokens: attention in ms" in text
    assert "latency per token by context: attention in ms" in text
    assert text.count("state MiB") == 1


def test_rows_from_before_there_were_states_have_none() -> None:
    rows, launches = speed_rows(("attention",), modes=("decode",), launches=2, rounds=2)
    (view,) = views_of(summarise([replace(row, state_mib=None) for row in rows], launches))
    assert view.state_exponents == {}


def several(mixers: tuple[str, ...], **failures: tuple[str, ...]) -> list[SpeedRow]:
    """Rows of both modes at one length, but for the mixers that `failures` names by mode."""
    rows, _ = speed_rows(mixers, (16,), modes=("inference", "decode"), launches=2)
    lacking = {(mode, name) for mode, names in failures.items() for name in names}

    def kept(row: SpeedRow) -> SpeedRow:
        named = MIXERS[row.mixer].canonical(MIXERS[row.mixer].config({}))
        wanted = row.mixer if row.config == named else f"{row.mixer} causal"
        none = {metric: None for metric, column in columns(SpeedRow).items() if column.role == "metric"}
        return replace(row, status="unsupported", detail="no", **none) if (row.mode, wanted) in lacking else row

    return [kept(row) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "inference", "decode"),
    [
        (None, "attention", "attention causal=true"),
        ("attention", "attention", "attention causal=true"),
        ("attention:causal=true", "attention causal=true", "attention causal=true"),
        ("min-gru", "min-gru", "min-gru"),
    ],
)
def test_attention_that_decodes_is_the_baseline_of_decode_where_another_form_is_that_of_all(
    wanted: str | None, inference: str, decode: str
) -> None:
    rows = several(("attention", "attention:causal=true", "min-gru"), decode=("attention",))
    summary = summarise(rows, [], wanted)
    assert {(cell.context.mode, cell.baseline) for cell in summary.cells} == {("inference", inference), ("decode", decode)}
    assert {view.baseline for view in views_of(summary)} == {inference, decode}
    answers = {(answer.context.mode, answer.mixer, answer.baseline) for answer in verdicts(summary)}
    assert {name for mode, name, _ in answers if mode == "decode"} == {"min-gru", "attention causal=true"} - {decode}
    recorded = {(record["mode"], record["baseline"]) for record in records(summary)}
    assert recorded == {("inference", inference), ("decode", decode)}
    named = [note for note in brief_notes(summary, views_of(summary), FORMS[0]) if note.startswith("ratio: ")]
    both = f"{decode} or {inference}, whichever has 1" if inference != decode else inference
    assert named == [f"ratio: latency relative to {both}, paired within launches; below 1 is faster."]


def test_without_attention_that_decodes_the_first_mixer_that_does_is_the_baseline_of_decode() -> None:
    rows = several(("attention", "min-gru", "lstm"), decode=("attention",))
    found = {cell.context.mode: cell.baseline for cell in summarise(rows, []).cells}
    assert found == {"inference": "attention", "decode": "min-gru"}
    assert {cell.baseline for cell in summarise(rows, [], "attention").cells} == {"attention"}


def test_where_none_of_the_fastest_decodes_the_fastest_that_do_stand_out() -> None:
    lacking = [name for name in MIXERS if name not in ("attention", "none")][:20]
    slow = ("min-gru", "lstm", "retention", "mamba2")
    rows, launches = speed_rows(
        ("attention", "none", *lacking, *slow),
        (16,),
        modes=("inference", "decode"),
        launches=1,
        latency_ms=lambda mixer, *_: 100.0 + slow.index(mixer) if mixer in slow else 1.0,
        round_noise=0.0,
        launch_noise=0.0,
    )
    kept = [row for row in rows if row.mode == "inference" or row.mixer in (*slow, "attention", "none")]
    assert standing_out(summarise(kept, launches)) & {*slow} == {*slow[:3]}
