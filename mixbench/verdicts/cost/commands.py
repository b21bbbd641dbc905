"""Commands that measure or train what the cost of a task lacks, with the settings of the rows that are there.

The columns and settings of a row hold every option that makes it what it is, so what these commands measure can be compared
with the rows that are there.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.texts import Given
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.tasks import TASKS
from mixbench.verdicts.cost.per_example import METERED
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import UNSAID, MixerKey, context_of, mixer_string, unpacked

Options = Mapping[str, Any]
"""By name as in Python: None and False leave an option out, True is a flag, a list repeats it."""
FILE, COLUMN = "FILE", "COLUMN"
"""What stands for a file or a column that no table names."""
_FEWEST = 3200
"""Training sets with fewer examples than the largest default size are divided by shares."""
_SHARES = "0.1,0.3,1.0"
_SHARED = ("batch", "steps", "score")
"""Settings of a training run that are options of every training command."""


def first_commands(
    mixers: Sequence[MixerKey],
    width: int | None,
    timed: tuple[int, int] | None,
    *,
    energy: bool = False,
    shared: Options = MappingProxyType({}),
) -> list[str]:
    """The commands that make the tables of training, and that of speed at the tokens and the width of `timed`, if given.

    `shared` are further options of training; the device is also that of speed.
    """
    training = [line_of(study, mixers, {**shared, "width": width}) for study in ("data-efficiency", "tune")]
    if timed is None:
        return training
    tokens, wide = timed
    speed = {
        "tokens": tokens,
        "width": wide,
        "scope": "block",
        "mode": "training",
        "energy": energy,
        "device": shared.get("device"),
    }
    return [*training, line_of("speed", mixers, speed)]


def speed_command(
    mixers: Sequence[MixerKey], subject: Subject, taken: Sequence[SpeedRow], others: Sequence[SpeedRow], wish: Wish
) -> str:
    """The command that measures the cost per example as in the rows that are taken.

    Without any it measures a training step of a block, with the other settings of the newest of the other rows.
    """
    wanted = {"device": subject.device, **wish.columns}
    kind = wanted["device"].partition(":")[0]
    options = {
        "tokens": subject.tokens,
        "width": subject.width,
        "scope": "block",
        "mode": "training",
        "device": None if kind == "cpu" else wanted["device"],
        **measured([row for row in others if row.device.partition(":")[0] == kind]),
        **(measured(taken, scope=taken[0].scope, mode=taken[0].mode) if taken else {}),
        **wish.columns,
    }
    layers = subject.layers if options["scope"] == "model" else None
    return line_of("speed", mixers, {**options, "layers": layers, "energy": wish.measure == METERED})


def study_command(
    mixers: Sequence[MixerKey],
    study: Sequence[TrainingRow],
    search: Sequence[TrialRow],
    texts: Mapping[str, Given],
    **changes: Any,
) -> str:
    """The command that trains learning curves as in `study`, if there are any, and otherwise with the model of `search`.

    `changes` are options that differ.
    """
    rows = study or search
    settings = unpacked(rows[0].settings)
    if study:
        seeds = {row.seed for row in study}
        parts = {
            "sizes": ",".join(_part(row) for row in sorted({row.train_size: row for row in study}.values(), key=_size)),
            "seeds": max(seeds) - min(seeds) + 1,
            "seed": min(seeds),
        }
        rate: Any = _common_rate(study)
    else:
        examples = round(search[0].train_size / search[0].fraction) if search[0].fraction else _FEWEST
        built_in = search[0].task in TASKS
        parts = {"sizes": _SHARES if built_in and examples < _FEWEST else None}
        rate = "auto" if _is_range(settings.get("learning_rate")) else settings.get("learning_rate")
    dropout = settings.get("dropout") or None
    options = {**parts, "learning_rate": rate, "dropout": None if _is_range(dropout) else dropout}
    return line_of("data-efficiency", mixers, {**_model(rows[0]), **options, **_texts(rows[0], texts), **changes})


def search_command(
    mixers: Sequence[MixerKey],
    study: Sequence[TrainingRow],
    search: Sequence[TrialRow],
    texts: Mapping[str, Given],
    **changes: Any,
) -> str:
    """The command that searches as in `search`, if there is one, and otherwise with the model and most examples of `study`.

    `changes` are options that differ.
    """
    rows = search or study
    if search:
        options: Options = {
            "size": _part(search[0]),
            "trials": max(row.trial for row in search),
            "seed": search[0].seed,
            **_searched(search, {name for name, _ in mixers}),
        }
    else:
        options = {"size": _part(max(study, key=_size))}
    return line_of("tune", mixers, {**_model(rows[0]), **options, **_texts(rows[0], texts), **changes})


def map_command(mixers: Sequence[MixerKey], rows: Sequence[AttentionMapRow], **changes: Any) -> str:
    """The command that trains and maps as in some rows of one model each; `changes` are options that differ."""
    row = rows[0]
    seeds = {other.seed for other in rows}
    rates = {(other.mixer, unpacked(other.settings).get("learning_rate")) for other in rows}
    common = len({rate for _, rate in rates}) == 1
    options = {
        **{name: value for name, value in _model(row).items() if name != "score"},
        "size": row.train_size,
        "seeds": max(seeds) - min(seeds) + 1,
        "seed": min(seeds),
        "examples": len({other.example for other in rows}),
        "learning_rate": next(iter(rates))[1] if common else [f"{name}={rate}" for name, rate in sorted(rates)],
    }
    return line_of("attention-map", mixers, {**options, **changes})


def timing_command(mixers: Sequence[MixerKey], rows: Sequence[SpeedRow], tokens: Iterable[int], **changes: Any) -> str:
    """The command that times as in some rows of one context, at these lengths; `changes` are options that differ."""
    row = rows[0]
    layers = unpacked(row.settings).get("layers") if row.scope == "model" else None  # of no effect elsewhere
    shape = {"tokens": ",".join(map(str, tokens)), "width": row.width, "layers": layers}
    return line_of("speed", mixers, {**shape, **measured(rows, scope=row.scope, mode=row.mode), **changes})


def measured(rows: Sequence[SpeedRow], **columns: Any) -> Options:
    """The settings of the newest of some rows, and of its context the number of launches."""
    if not rows:
        return {}
    row = max(rows, key=lambda row: row.measured_at)
    return {
        **columns,
        "batch": row.batch,
        "dtype": row.dtype,
        "device": None if row.device == "cpu" else row.device,
        "threads": row.threads,
        "execution": None if row.execution == UNSAID["execution"] else row.execution,
        "caches": None if (caches := unpacked(row.settings).get("caches")) == "warm" else caches,
        "seed": unpacked(row.settings).get("seed"),
        "launches": max(other.launch for other in rows if context_of(other) == context_of(row)),
    }


def _model(row: TrainingRow | AttentionMapRow) -> Options:
    settings = unpacked(row.settings)
    return {
        "task": _task(row.task, settings.get("task", {})),
        "layers": row.layers,
        "width": row.width,
        "device": None if row.device == "cpu" else row.device,
        **{name: settings.get(name) for name in _SHARED},
    }


def _task(name: str, settings: Options) -> str:
    if name not in TASKS:
        return name.partition(":")[0] if name.startswith("text:") else name
    differing = [f"{key}={value}" for key, value in TASKS[name].differing(settings.get("options", {})).items()]
    return f"{name}:{','.join(differing)}" if differing else name


def _part(row: TrainingRow) -> str:
    """The number of training examples, or the share of them where the number is 1, which would mean all."""
    return str(row.train_size) if row.train_size > 1 or not row.fraction else f"{row.fraction:.6g}"


def _size(row: TrainingRow) -> int:
    return row.train_size


def _common_rate(study: Iterable[TrainingRow]) -> Any:
    """The learning rate that was requested for most mixers."""
    requested = {(row.mixer, row.config): unpacked(row.settings).get("learning_rate") for row in study}
    return Counter(requested.values()).most_common(1)[0][0]


def _searched(search: Sequence[TrialRow], names: set[str]) -> Options:
    """What is drawn and what is fixed; of the mixers' own options those of the named mixers."""
    settings = unpacked(search[0].settings)
    known: dict[str, Any] = {name: settings[name] for name in ("learning_rate", "dropout") if name in settings}
    own = {name: text for row in search for name, text in unpacked(row.settings).get("searched", {}).items()}
    drawn = {name: text for name, text in known.items() if _is_range(text)}
    drawn |= {name: text for name, text in own.items() if name.partition(".")[0] in names}
    fixed = {name: value for name, value in known.items() if name not in drawn and value != "auto"}
    return {**fixed, "range": [f"{name}={text}" for name, text in drawn.items()]}


def _is_range(value: Any) -> bool:
    return isinstance(value, str) and value != "auto"


def _texts(row: TrainingRow, texts: Mapping[str, Given]) -> Options:
    """The options of a text task as they were given, else as far as the settings know them."""
    settings = unpacked(row.settings).get("task", {})
    if row.task in TASKS:
        return {}
    if (data := str(settings.get("data"))) in texts:
        return texts[data]
    of_files = row.task.startswith("text:")
    unknown = [COLUMN, COLUMN] if of_files else []
    *names, label = settings.get("columns") or unknown or [None]
    pair = dict(zip(("text", "text_pair"), names, strict=False))
    shares = settings.get("shares", {})
    return {
        **({"train": FILE, "test": FILE} if of_files else {}),
        **shares,
        **pair,
        "label": label,
        "columns": ",".join(settings.get("columns_of_files", [])) or None,
        "encoding": settings.get("encoding"),
        "skip_bad_rows": settings.get("skip_bad_rows"),
        "tokens": settings.get("tokens"),
        "vocabulary": settings.get("vocabulary"),
        "tokenizer": FILE if "tokenizer_sha256" in settings else None,
    }


def line_of(study: str, mixers: Sequence[MixerKey], options: Options) -> str:
    """A command line with its options; see `Options`."""
    return command_of(study, {"mixer": [mixer_string(mixer) for mixer in mixers], **options})


def command_of(study: str, options: Options) -> str:
    """The command of a study with these options, quoted for a shell."""
    words = ["mixbench", study]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                words.append(flag)
            elif one is not None and one is not False:
                words += [flag, _word(one)]
    return shlex.join(words)


def _word(value: Any) -> str:
    if isinstance(value, Path):  # a path that is a number would be a share
        return f"./{value}" if _is_number(str(value)) else str(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
