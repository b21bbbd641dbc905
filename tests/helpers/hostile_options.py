"""Command lines as hurried and hostile people type them, drawn by hypothesis from the options of the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.catalogue_options import CatalogueOptions
from mixbench.api.compare_options import CompareOptions
from mixbench.api.cost_options import CostOptions
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.doctor_options import DoctorOptions
from mixbench.api.duel_options import DuelOptions
from mixbench.api.export_options import ExportOptions
from mixbench.api.merge_options import MergeOptions
from mixbench.api.options import Described, Options, options_of
from mixbench.api.plot_options import PlotOptions
from mixbench.api.remove_options import RemoveOptions
from mixbench.api.report_options import ReportOptions
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.study_options import StudyOptions
from mixbench.api.track_options import TrackAddOptions, TrackShowOptions
from mixbench.api.tune_options import TuneOptions
from mixbench.api.verify_options import VerifyOptions
from mixbench.cli.adapter import Printed
from mixbench.cli.commands.gates import ComparePublished
from mixbench.cli.commands.studies import StudyPrinted
from mixbench.cli.publish import Published

COMMANDS: Mapping[tuple[str, ...], tuple[type[Options], ...]] = {
    ("speed",): (SpeedOptions, Printed),
    ("data-efficiency",): (DataEfficiencyOptions, Printed),
    ("tune",): (TuneOptions, Printed),
    ("cost",): (CostOptions, Printed),
    ("attention-map",): (AttentionMapOptions, Printed),
    ("study",): (StudyOptions, StudyPrinted),
    ("plot",): (PlotOptions,),
    ("report",): (ReportOptions,),
    ("remove",): (RemoveOptions,),
    ("merge",): (MergeOptions, Printed),
    ("compare",): (CompareOptions, ComparePublished),
    ("duel",): (DuelOptions, Published),
    ("selfcheck",): (SelfcheckOptions, Printed),
    ("export",): (ExportOptions,),
    ("list",): (CatalogueOptions, Printed),
    ("doctor",): (DoctorOptions, Printed),
    ("verify",): (VerifyOptions, Printed),
    ("track", "add"): (TrackAddOptions,),
    ("track", "show"): (TrackShowOptions, Printed),
}


def apart(text: str, *further: str) -> list[str]:
    """The words of a text, and further texts as they are."""
    return [*text.split(), *further]


PLAUSIBLE = {
    name: apart(values)
    for name, _, values in (
        line.strip().partition(" ")
        for line in """
            base R S attention
            baseline attention none hypermixer:heads=1
            batch 1 2 1,2
            budget 0.5
            cell attention
            checkpoint R/checkpoints/0f.pt
            commit HEAD
            device cpu
            draw 0 0,1
            dropout 0 0.1
            dtype float32 bfloat16,float32
            environment 0123456789ab
            execution eager graph
            examples 1 5
            format json png markdown,junit svg text
            folders R S
            from_file trials.csv
            head S R hypermixer
            history H
            into T R
            jobs 1
            launches 1 3
            layers 1 2
            learning_rate 1e-3 auto attention=1e-3,1e-2
            measure flops
            metric flops failed
            minutes 0 1
            mixer attention hypermixer:heads=2,tied=true none fnet
            mixers attention none
            mode inference training,inference
            output out R/exports
            per_gpu 1
            precision 0.1
            range dropout=0..0.2 learning_rate=1e-4..1e-2:log hypermixer.heads=1,2
            results R S
            scope mixer block,model
            seed 0 7
            seeds 1 3
            size 0.5 100
            sizes 50 100..400 0.5,1.0
            status failed ok,oom
            steps 5
            study speed tune cost
            target 0.2 0.3,0.1
            task shapes mqar:pairs=2 listops:depth=2 majority
            text text
            threads 1 2
            threshold 10% 0.2
            tier counts
            timeout 10
            tokens 32 64..256 16,48
            tolerance flops=1% peak_memory_mib=0.1
            trials 2 5
            vocabulary 100
            width 16 32,64
        """.splitlines()
    )
    if name
}
"""Values with which a command goes on, by the name of the option."""
NUMBERS = apart(
    """
    0 1 2 -1 5 2147483647 4294967296 99999999999999999999 1e400 1e30 1e9 1e-400 nan inf -inf 0.5 0x10 1_000 \u0663 seven 1,2
    10000 100000
    """,
    *("", " ", "1" + "0" * 30, "-" + "9" * 25, "9" * 5000),
)
TEXTS = apart(
    """
    , a,b .. ..5 5.. 1..1000000000000 1..1099511627776 64..512 64,128 8 0 -8 1.0 0.1,0.5 99999999999999999999 30% 1e400% nan 30
    = a= =1 a=b=c : :: attention hypermixer attention:heads=4 hypermixer:heads=99999999999 attention:heads none: no.py:Such
    no.py .py:X R:x cpu cuda cuda:99999999999 cuda:1 inference,training float32,float32 shapes listops:depth=3 text hf: hf:a/b
    dropout=5..1 dropout=0..0.5 learning_rate=1e-400..1 learning_rate=1..1e400 hypermixer.hidden=64,128
    attention.heads=1..1099511627776 \udcff \u00e9\u6f22 %s{0} $x_{ \x1b[31m png png,svg json markdown,junit bencher HEAD main .
    -x auto 1e-3,auto attention=1e-3 flops flops=1% peak_memory_mib=-1 shapes:train=99 shapes:train=999999999 mqar:pairs=99
    latency_ms auto,auto
    """,
    *("", " ", "9" * 400, "x" * 300, "y" * 5000, "z" * 60_000, "a/" * 3000, ",".join(map(str, range(1, 3000)))),
)
PATHS = apart(
    "R H missing file.txt file.txt/below locked /dev/null /proc/self/mem /proc/x . R/speed.csv \u00e9 ~ link",
    *("", " ", "a\nb", "n" * 256, "p/" * 2500),
)


def _values(option: Described) -> st.SearchStrategy[str]:
    kinds = {option.kind, *get_args(option.kind), *(part for kind in get_args(option.kind) for part in get_args(kind))}
    if Path in kinds:
        return st.sampled_from(PATHS)
    literal = [str(choice) for kind in kinds for choice in get_args(kind) if isinstance(choice, str)]
    if literal:
        return st.sampled_from([*literal, "neither", ""])
    if kinds & {int, float}:
        return st.sampled_from(NUMBERS) | st.integers().map(str) | st.floats().map(str)
    return st.one_of(
        st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.sampled_from(PATHS), st.text(max_size=9)
    )


def _words(option: Described, *, plausible: bool) -> st.SearchStrategy[list[str]]:
    if option.kind is bool:
        return st.just([option.flag])
    known = PLAUSIBLE.get(option.name, [])
    values = st.sampled_from(known) if plausible and known else _values(option)
    return values.map(lambda value: [value] if option.positional else [option.flag, value])


@st.composite
def command_lines(draw: Any) -> list[str]:
    """The words after `mixbench`: a command, its arguments, some of its options, of which at most two have hostile values."""
    command: Sequence[str] = draw(st.sampled_from(sorted(COMMANDS)))
    every = [option for kind in COMMANDS[tuple(command)] for option in options_of(kind)]
    some = [option for option in every if option.positional or draw(st.sampled_from((False, False, False, True)))]
    hostile = draw(st.lists(st.sampled_from(every), max_size=2)) if every else []
    given = [*some, *(option for option in hostile if option not in some)]
    words = [word for option in given for word in draw(_words(option, plausible=option not in hostile))]
    return [*command, *words, *draw(st.sampled_from(((), (), (), (), (), (), (), ("more",), ("--",), ("--no-such",))))]
