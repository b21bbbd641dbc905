"""Options that several commands share, each with one name, help text and type; base classes where defaults are shared too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from typer import Argument, Option

from mixbench.api.options import CHOICE, HOW, MODEL, RESULTS, TEXTS, VERDICT, WHAT, WHERE, Options, Typed
from mixbench.api.scale_options import EngineOptions, ScaleOptions
from mixbench.studies.progress import Progress

File = str | Path
Names = str | Sequence[str]
Part = str | Path | float
"""A file, or a share of the training examples."""
Numbers = str | float | Iterable[float]
Sizes = str | int | Iterable[int]
MixerLike = str | Callable[..., Any]
"""A mixer as the command line names it, or a class or function that can be imported and makes a module."""

PART = "FILE|SHARE"
NAMED = "NAME[:KEY=VALUE,...]"

Mixers = Annotated[
    MixerLike | Sequence[MixerLike] | None,
    Typed(list[str] | None),
    Option(
        "--mixer",
        help="Mixer with options: hypermixer:tied=true,heads=4; your own: path/to/file.py:ClassName; or all: every built-in"
        " mixer. Repeatable.",
        metavar=NAMED,
        rich_help_panel=WHAT,
    ),
]
Causal = Annotated[
    bool,
    Option(
        "--causal",
        help="Make every mixer causal: each token sees only itself and earlier tokens. An error names mixers that cannot be.",
        rich_help_panel=WHAT,
    ),
]
SkipUnsupported = Annotated[
    bool,
    Option(
        "--skip-unsupported",
        help="With --causal: mixers that cannot be causal get rows with the status unsupported, not an error.",
        rich_help_panel=WHAT,
    ),
]
Tokens = Annotated[
    Sizes,
    Typed(str),
    Option(help="Sequence lengths: 256, a list 128,256 or a doubling range 64..4096.", rich_help_panel=WHAT),
]
Width = Annotated[Sizes, Typed(str), Option(help="Channels per token; lists and ranges as for --tokens.", rich_help_panel=WHAT)]
Batch = Annotated[Sizes, Typed(str), Option(help="Sequences per call; lists and ranges as for --tokens.", rich_help_panel=WHAT)]
Mode = Annotated[Names, Typed(str), Option(help="inference, training (forward and backward), or a list.", rich_help_panel=WHAT)]
Scope = Annotated[Names, Typed(str), Option(help="What is timed: mixer, block, model, or a list.", rich_help_panel=WHAT)]
Dtype = Annotated[Names, Typed(str), Option(help="float32, bfloat16, float16, or a list.", rich_help_panel=WHAT)]
Device = Annotated[Names, Typed(str), Option(help="cpu, cuda, cuda:1, or a list.", rich_help_panel=WHAT)]
OneDevice = Annotated[str, Option(help="cpu, cuda or cuda:1.", rich_help_panel=WHAT)]
Blocks = Annotated[int, Option("--layers", help="Blocks of the model, for --scope model.", min=1, rich_help_panel=WHAT)]
Threads = Annotated[
    int | None,
    Option(help="CPU threads that one operator may use. Default: the number of physical cores.", min=1, rich_help_panel=WHAT),
]
SpeedSeed = Annotated[
    int,
    Option("--seed", help="Seed of the weights, the inputs and the order of measurement.", min=0, rich_help_panel=HOW),
]

Tasks = Annotated[
    Names | None,
    Typed(list[str] | None),
    Option(
        "--task", help="shapes, mqar, listops:depth=4, text, hf:glue/sst2. Repeatable.", metavar=NAMED, rich_help_panel=WHAT
    ),
]
FirstSeed = Annotated[int, Option("--seed", help="The first seed.", min=0, rich_help_panel=WHAT)]
Layers = Annotated[int, Option(help="Blocks of the model.", min=1, rich_help_panel=MODEL)]
ModelWidth = Annotated[int, Option("--width", help="Channels per token.", min=1, rich_help_panel=MODEL)]
ModelWidths = Annotated[
    Sizes,
    Typed(str),
    Option("--width", help="Channels per token: 32, a list 32,64 or a doubling range 16..64.", rich_help_panel=MODEL),
]
TrainingBatch = Annotated[int, Option("--batch", help="Examples per training step.", min=1, rich_help_panel=MODEL)]
Steps = Annotated[int, Option(help="Training steps, the same at every size.", min=1, rich_help_panel=MODEL)]

Threshold = Annotated[
    str | float,
    Typed(str),
    Option(
        "--threshold",
        help="Never flag smaller slowdowns; memory layout alone causes them.",
        metavar="SHARE",
        rich_help_panel=VERDICT,
    ),
]
Baseline = Annotated[
    str | None,
    Option(
        help="Mixer that ratios are relative to. Default: attention where present, else the first.", rich_help_panel=RESULTS
    ),
]
Environment = Annotated[
    Names | None,
    Typed(str | None),
    Option(
        help="Only rows of these machines and versions: a hash from the column environment, or a list.",
        metavar="HASH",
        rich_help_panel=CHOICE,
    ),
]
Results = Annotated[File, Typed(Path), Option(help="Results folder, for tables and figures.", rich_help_panel=RESULTS)]
FolderOfTables = Annotated[File, Typed(Path), Argument(help="Results folder.")]
FigureFormats = Annotated[Names, Typed(str), Option("--format", help="png, svg, pdf, or a list.")]
Fresh = Annotated[bool, Option("--fresh", help="Measure again and replace what the folder holds.", rich_help_panel=RESULTS)]


@dataclass(frozen=True, kw_only=True)
class Followed(Options):
    """A command that takes a while."""

    progress: Progress | None = None
    """Receives the progress; only for Python."""


@dataclass(frozen=True, kw_only=True)
class Study(Followed, ScaleOptions):
    """A study that writes a table: where to, and what happens to rows that already exist."""

    interrupted: ClassVar = "What was finished is kept; continue with"

    results: Results = Path("results")
    fresh: Fresh = False
    retry_failed: Annotated[bool, Option("--retry-failed", help="Measure failed cells again.", rich_help_panel=RESULTS)] = False


@dataclass(frozen=True, kw_only=True)
class Training(Study, EngineOptions):
    """A study that trains: the model, where runs are carried out, and when a run is given up."""

    layers: Layers = 1
    width: ModelWidths = 32
    batch: TrainingBatch = 8
    steps: Steps = 700
    device: Annotated[str, Option(help="cpu, or cuda: every visible GPU.", rich_help_panel=WHERE)] = "cpu"
    jobs: Annotated[
        int | None,
        Option(help="Runs side by side on the CPU. Default: the number of physical cores.", min=1, rich_help_panel=WHERE),
    ] = None
    per_gpu: Annotated[
        int | None,
        Option(
            help="Runs side by side on each GPU. Default: 8 if a training step takes less than 1 GFLOP, 2 if less than 30,"
            " else 1; no more than there are cores.",
            min=1,
            rich_help_panel=WHERE,
        ),
    ] = None
    timeout: Annotated[
        float, Option(help="Give up on a run after this many seconds without progress.", rich_help_panel=WHERE)
    ] = 300.0


_FORMATS = "TSV, CSV, JSONL, Parquet, or a folder of texts"


@dataclass(frozen=True, kw_only=True)
class Texts(Options):
    """Text tasks: files, columns, tokenisation."""

    train: Annotated[
        File | None,
        Typed(Path | None),
        Option(help=f"Training examples of --task text: {_FORMATS}.", rich_help_panel=TEXTS),
    ] = None
    dev: Annotated[
        Part | None,
        Typed(str | None),
        Option(
            help="Development examples: a file, or a share of the training examples. Default: 0.1, at most 2,000.",
            metavar=PART,
            rich_help_panel=TEXTS,
        ),
    ] = None
    test: Annotated[
        Part | None,
        Typed(str | None),
        Option(
            help="Test examples: a file, or a share of the training examples that is split off.",
            metavar=PART,
            rich_help_panel=TEXTS,
        ),
    ] = None
    text: Annotated[
        str | None,
        Option(
            help="Column of the text, or of the first text of a pair; in nested JSON, a path: data.text.", rich_help_panel=TEXTS
        ),
    ] = None
    text_pair: Annotated[str | None, Option(help="Column of the second text of a pair.", rich_help_panel=TEXTS)] = None
    label: Annotated[str | None, Option(help="Column of the class.", rich_help_panel=TEXTS)] = None
    columns: Annotated[
        Names | None,
        Typed(str | None),
        Option(
            help="Names of all columns, in order, for TSV and CSV files without a header: text,label.",
            metavar="NAME,NAME,...",
            rich_help_panel=TEXTS,
        ),
    ] = None
    encoding: Annotated[
        str | None, Option(help="Encoding of the files, e.g. latin-1. Default: UTF-8.", rich_help_panel=TEXTS)
    ] = None
    skip_bad_rows: Annotated[
        bool, Option("--skip-bad-rows", help="Leave out rows that cannot be used, and say how many.", rich_help_panel=TEXTS)
    ] = False
    tokens: Annotated[int, Option(help="Longest text in tokens; longer ones are cut.", min=1, rich_help_panel=TEXTS)] = 128
    tokenizer: Annotated[
        File | None,
        Typed(Path | None),
        Option(help="A tokenizer.json. Default: WordPiece trained on the texts.", rich_help_panel=TEXTS),
    ] = None
    vocabulary: Annotated[int, Option(help="Entries of the tokenizer, where one is trained.", min=1, rich_help_panel=TEXTS)] = (
        8000
    )


@dataclass(frozen=True, kw_only=True)
class AnyTask(Training, Texts):
    """A study that trains on built-in tasks and on texts."""

    task: Tasks = None
    mixer: Mixers = None
    causal: Causal = False
    skip_unsupported: SkipUnsupported = False
    baseline: Baseline = None
    score: Annotated[
        Literal["accuracy", "macro-f1"] | None,
        Option(
            help="Score to choose weights by and to report; macro-f1 weighs all classes equally."
            " Default: accuracy, or mse for values.",
            rich_help_panel=MODEL,
        ),
    ] = None
    save: Annotated[
        bool, Option("--save", help="Keep the best weights of every run below RESULTS/checkpoints.", rich_help_panel=RESULTS)
    ] = False
