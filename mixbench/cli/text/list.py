"""The text of `mixbench list`: mixers, tasks, metrics and statuses."""

from __future__ import annotations

from typing import Any

from mixbench.cli.text.page import Section
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import PLUGIN_GROUP
from mixbench.parsing.option import Value
from mixbench.tasks import TASKS

_OWN_TASK = (
    ("", ""),
    (
        "text",
        "your files: --task text --train FILE --test FILE [--dev FILE] --text COLUMN [--text-pair COLUMN] --label COLUMN",
    ),
    ("hf:NAME", "a data set from the Hugging Face Hub or a local folder: --task hf:glue/sst2; needs mixbench[hf]"),
)

_OWN_MIXER = (
    (
        "file.py:ClassName",
        "--mixer path/to/file.py:ClassName[:key=value,…] takes a torch.nn.Module class, which is built as "
        "ClassName(width=…, tokens=…, **options). Its forward(x) or forward(x, mask) maps (batch, tokens, width) to the "
        "same shape; mask (batch, tokens) is bool, True where the token is real.",
    ),
    ("", "Its FLOPs are counted; where the counter has no formula, a method flops(batch, tokens) can return them."),
    ("an installed package", f'offers a mixer through an entry point in the group {PLUGIN_GROUP}: name = "module:ClassName".'),
)


def sections(table: dict[str, Any]) -> list[Section]:
    """The catalogue as sections of text."""
    own = [*_OWN_MIXER, *((plugin["name"], f"installed: {plugin['target']}") for plugin in table["plugins"])]
    return [
        Section("Mixers (--mixer NAME[:option=value,…])", [line for mixer in table["mixers"] for line in _mixer_lines(mixer)]),
        Section("A mixer of your own (`mixbench verify` checks it)", own),
        Section(
            "Tasks (--task NAME[:option=value,…])",
            [*(line for task in table["tasks"] for line in _task_lines(task)), *_OWN_TASK],
        ),
        Section("Metrics of speed.csv", [(metric["name"], _metric_text(metric)) for metric in table["metrics"]]),
        Section(
            "Metrics of data_efficiency.csv", [(metric["name"], _metric_text(metric)) for metric in table["training_metrics"]]
        ),
        Section("Metrics of attention_map.csv", [(metric["name"], _metric_text(metric)) for metric in table["map_metrics"]]),
        Section(
            "Statuses of a cell (* makes the exit code 1)",
            [(status["name"] + "*" * status["failure"], status["meaning"]) for status in table["statuses"]],
        ),
    ]


def _mixer_lines(mixer: dict[str, Any]) -> list[tuple[str, str]]:
    limits = [
        "padded tokens are masked" if mixer["honours_mask"] else "padded tokens take part",
        "any number of tokens" if mixer["any_length"] else "a fixed number of tokens",
    ]
    return [
        *([("", "")] if mixer["name"] != next(iter(MIXERS)) else []),
        (mixer["name"], mixer["summary"]),
        ("", mixer["paper"]),
        ("", "; ".join(limits)),
        *_option_lines(mixer["options"]),
    ]


def _task_lines(task: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        *([("", "")] if task["name"] != next(iter(TASKS)) else []),
        (task["name"], task["summary"]),
        ("", task["paper"]),
        *_option_lines(task["options"]),
    ]


def _option_lines(options: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (f"  {option['name']}={_typed(option['default'])}", f"{option['meaning']} ({option['expected']})") for option in options
    ]


def _typed(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metric_text(metric: dict[str, Any]) -> str:
    direction = f", {metric['better']} is better" if metric["better"] else ""
    return f"{metric['meaning']} ({metric['unit']}{direction})"
