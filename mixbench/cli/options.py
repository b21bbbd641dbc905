"""Options that several commands share: one name, one help text, one default each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MIXER_HELP = "Mixer with options: hypermixer:tied=true,heads=4, or your own: path/to/file.py:ClassName. Repeatable."

Mixers = Annotated[list[str] | None, typer.Option("--mixer", help=MIXER_HELP, metavar="NAME[:KEY=VALUE,...]")]
Tokens = Annotated[str, typer.Option(help="Sequence lengths: 256, a list 128,256 or a doubling range 64..4096.")]
Width = Annotated[str, typer.Option(help="Channels per token; lists and ranges as for --tokens.")]
Batch = Annotated[str, typer.Option(help="Sequences per call; lists and ranges as for --tokens.")]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16, float16, or a list.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or a list.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads of one operator. Default: the physical cores.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of weights, inputs and the order of measurement.", min=0)]
Baseline = Annotated[str | None, typer.Option(help="Mixer that ratios refer to. Default: attention, else the first.")]
Results = Annotated[Path, typer.Option(help="Folder of tables and figures.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure again and replace what the folder holds.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Measure cells again that failed.")]
Save = Annotated[bool, typer.Option("--save", help="Keep the best weights of every run in checkpoints/ of the results.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Layers = Annotated[int, typer.Option(help="Blocks of the model.", min=1)]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 3 where a cell is undecided.")]
Output = Annotated[Path | None, typer.Option(help="Folder for the files of --format.")]
Floor = Annotated[
    str,
    typer.Option(
        "--threshold", help="Slowdown that is never flagged: what memory layout alone makes of equal code.", metavar="SHARE"
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task", help="shapes, mqar, listops:depth=4, text, hf:glue/sst2. Repeatable.", metavar="NAME[:KEY=VALUE,...]"
    ),
]
ModelWidth = Annotated[int, typer.Option(help="Channels per token.", min=1)]
TrainingBatch = Annotated[int, typer.Option(help="Examples per training step.", min=1)]
Steps = Annotated[int, typer.Option(help="Training steps, the same at every size.", min=1)]
TrainingDevice = Annotated[str, typer.Option(help="cpu, or cuda: every visible GPU.")]
Jobs = Annotated[int | None, typer.Option(help="Runs side by side on the CPU. Default: the physical cores.", min=1)]
PerGpu = Annotated[int, typer.Option(help="Runs side by side on each GPU.", min=1)]
File = Annotated[Path | None, typer.Option(help="TSV, CSV, JSONL or Parquet; for --task text.")]
Text = Annotated[str | None, typer.Option(help="Column of the text, or of the first of two.")]
TextPair = Annotated[str | None, typer.Option(help="Column of the second text.")]
Label = Annotated[str | None, typer.Option(help="Column of the class.")]
LongestText = Annotated[int, typer.Option(help="Longest text in tokens; what is longer is cut.", min=1)]
Tokenizer = Annotated[Path | None, typer.Option(help="A tokenizer.json. Default: WordPiece trained on the texts.")]
Vocabulary = Annotated[int, typer.Option(help="Entries of a tokenizer that is trained.", min=1)]
Timeout = Annotated[float, typer.Option(help="Seconds without progress after which a run is given up.")]
