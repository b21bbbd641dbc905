"""What `mixbench list` shows, as data and as text: mixers with their options, metrics, statuses."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from mixbench.cli.page import Section
from mixbench.columns import FAILURES, columns
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import PLUGIN_GROUP
from mixbench.mixers.description import Mixer
from mixbench.option import Value
from mixbench.rows import SpeedRow

STATUS_MEANINGS = {
    "ok": "measured",
    "unsupported": "the mixer cannot run like this here: this dtype, device or shape",
    "diverged": "the output or the loss was not finite",
    "oom": "the memory ran out, or would have",
    "timeout": "no progress within --timeout",
    "killed": "a signal ended the measuring process",
    "error": "the mixer raised an error",
}

_OWN_MIXER = (
    (
        "file.py:ClassName",
        "--mixer path/to/file.py:ClassName[:key=value,…] takes a torch.nn.Module class that is built as "
        "ClassName(width=…, tokens=…, **options). Its forward(x) or forward(x, mask) maps (batch, tokens, width) to the "
        "same shape; mask (batch, tokens) is bool, True where the token is real.",
    ),
    ("", "Its FLOPs are counted; a method flops(batch, tokens) may give them where the counter has no formula."),
    ("an installed package", f'offers a mixer by an entry point in the group {PLUGIN_GROUP}: name = "module:ClassName".'),
)


def catalogue() -> dict[str, Any]:
    """Everything that can be named on the command line or stands in a table, as JSON-able data."""
    return {
        "mixers": [_describe(mixer) for mixer in MIXERS.values()],
        "plugins": [{"name": point.name, "target": point.value} for point in entry_points(group=PLUGIN_GROUP)],
        "metrics": [
            {"name": name, "unit": column.unit, "better": column.better, "meaning": column.meaning}
            for name, column in columns(SpeedRow).items()
            if column.role == "metric"
        ],
        "statuses": [
            {"name": name, "failure": name in FAILURES, "meaning": meaning} for name, meaning in STATUS_MEANINGS.items()
        ],
    }


def _describe(mixer: Mixer) -> dict[str, Any]:
    return {
        "name": mixer.name,
        "summary": mixer.summary,
        "paper": mixer.paper,
        "honours_mask": mixer.honours_mask,
        "any_length": mixer.any_length,
        "half_on_cpu": mixer.half_on_cpu,
        "options": [
            {"name": option.name, "default": option.default, "expected": option.expected, "meaning": option.meaning}
            for option in mixer.options
        ],
    }


def sections(table: dict[str, Any]) -> list[Section]:
    """The `catalogue` to read."""
    own = [*_OWN_MIXER, *((plugin["name"], f"installed: {plugin['target']}") for plugin in table["plugins"])]
    return [
        Section("Mixers (--mixer NAME[:option=value,…])", [line for mixer in table["mixers"] for line in _mixer_lines(mixer)]),
        Section("A mixer of your own (`mixbench verify` checks it)", own),
        Section("Metrics of speed.csv", [(metric["name"], _metric_text(metric)) for metric in table["metrics"]]),
        Section(
            "Statuses of a cell (* makes the exit code 1)",
            [(status["name"] + "*" * status["failure"], status["meaning"]) for status in table["statuses"]],
        ),
    ]


def _mixer_lines(mixer: dict[str, Any]) -> list[tuple[str, str]]:
    limits = [
        "padded tokens are masked" if mixer["honours_mask"] else "padded tokens take part",
        "any number of tokens" if mixer["any_length"] else "a fixed number of tokens",
        *([] if mixer["half_on_cpu"] else ["no half precision on a CPU"]),
    ]
    options = [
        (f"  {option['name']}={_typed(option['default'])}", f"{option['meaning']} ({option['expected']})")
        for option in mixer["options"]
    ]
    first = (mixer["name"], mixer["summary"])
    return [
        *([("", "")] if mixer["name"] != next(iter(MIXERS)) else []),
        first,
        ("", mixer["paper"]),
        ("", "; ".join(limits)),
        *options,
    ]


def _typed(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metric_text(metric: dict[str, Any]) -> str:
    direction = f", {metric['better']} is better" if metric["better"] else ""
    return f"{metric['meaning']} ({metric['unit']}{direction})"
