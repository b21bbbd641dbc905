"""The text of `mixbench list`: mixers, tasks, metrics and statuses."""

from __future__ import annotations

from typing import Any

from mixbench.cli.text.page import Section
from mixbench.mixers import FAMILIES
from mixbench.mixers.plugins import PLUGIN_GROUP
from mixbench.parsing.option import Value

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


def sections(table: dict[str, Any], *, details: bool = False) -> list[Section]:
    """The catalogue as sections of text; `details` are summaries, papers and options. What the table lacks is left out."""
    everything = bool(table["statuses"])
    plugins = [
        (plugin["name"], f"installed: {plugin['target']}" + (plugin["fault"] and f"; not usable, because {plugin['fault']}"))
        for plugin in table["plugins"]
    ]
    own = [*(_OWN_MIXER if everything else ()), *plugins]
    shown = {mixer["family"] for mixer in table["mixers"]}
    families = [family.title for family in FAMILIES.values() if family.title in shown]
    mixers = [
        Section(title, _family_lines([mixer for mixer in table["mixers"] if mixer["family"] == title], details))
        for title in families
    ]
    found = [
        *mixers,
        *([] if details or not mixers else [Section("How to read it", _LEGEND)]),
        Section("A mixer of your own (`mixbench verify` checks it)", own),
        Section(
            "Tasks (--task NAME[:option=value,…])",
            [*_task_lines(table["tasks"], details), *(_OWN_TASK if everything else ())],
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
    return [section for section in found if section.lines]


_LEGEND = (
    ("causal", "each token sees only itself and earlier tokens: always, by the option causal=true, or no"),
    ("length", "any number of tokens, fixed when the mixer is built, or fixed with an option that `list NAME` names"),
    ("padding", "masked: real tokens give the same result with and without padding; or it counts as tokens"),
    ("state", "numbers kept per sequence between tokens, for mixers that can decode"),
    ("", "N tokens, width d, H heads, dh = d/H channels per head; other names are options"),
    ("", ""),
    ("list NAME", "shows summary, paper and options of a mixer; `list --details` shows those of all"),
)


def _family_lines(mixers: list[dict[str, Any]], details: bool) -> list[tuple[str, str]]:
    if details:
        return [line for mixer in mixers for line in (*([("", "")] if mixer is not mixers[0] else []), *_mixer_lines(mixer))]
    heading = ("mixer", f"{'causal':<8}{'length':<8}{'padding':<9}state")
    return [heading, *((mixer["name"], _abilities(mixer)) for mixer in mixers)]


def _abilities(mixer: dict[str, Any]) -> str:
    padding = "masked" if mixer["honours_mask"] else "counts"
    return f"{mixer['causality']:<8}{mixer['length']:<8}{padding:<9}{mixer['state'] or '–'}"


def _mixer_lines(mixer: dict[str, Any]) -> list[tuple[str, str]]:
    limits = [
        "padded tokens are masked" if mixer["honours_mask"] else "padded tokens take part",
        ("any number of tokens" if mixer["any_length"] else "a fixed number of tokens")
        + (f", fixed with {mixer['fixed_with']}" if mixer["fixed_with"] else ""),
        {"no": "not causal", "option": "causal by option", "always": "causal"}[mixer["causality"]],
        *([f"state: {mixer['state']}"] if mixer["state"] else []),
        *([f"free size for --match: {mixer['free']}"] if mixer["free"] else []),
    ]
    return [
        (mixer["name"], mixer["summary"]),
        ("", mixer["paper"]),
        ("", "; ".join(limits)),
        *_option_lines(mixer["options"]),
    ]


def _task_lines(tasks: list[dict[str, Any]], details: bool) -> list[tuple[str, str]]:
    if not details:
        return [(task["name"], task["summary"]) for task in tasks]
    return [
        line
        for task in tasks
        for line in (
            *([("", "")] if task is not tasks[0] else []),
            (task["name"], task["summary"]),
            ("", task["paper"]),
            *_option_lines(task["options"]),
        )
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
