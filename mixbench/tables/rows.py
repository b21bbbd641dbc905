"""The tables: one frozen dataclass per CSV. Columns, identities of cells and the data dictionary are derived from the fields.

A field says everything about its column. A new metric of speed.csv takes one field of `SpeedRow`, anywhere among the metrics,
and a value of that name in what `count` of `mixbench.worker.counting` finds if it is found once per cell, else in what
`measure_group` of `mixbench.worker.speed` returns for each block. Columns that several tables share are in classes that are not
tables themselves. A CSV has its columns in the order of their roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from mixbench.tables.columns import Row
from mixbench.tables.fields import Heading, Quantity, Refines, column, metric, same_as, size
from mixbench.tables.scores import scores_in_words

_SETTINGS = ("task", "task.options", "searched")
"""Objects within the settings of a run: what determines its data, and the ranges of its search."""

SHORTEST_KERNEL_MS = 5e-4
"""A kernel takes more than a microsecond: a call that takes less than half of one on a GPU launches none."""

SCHEMA = 3
"""Version of the tables. History: 1, the first; 2, training runs have constant_score, classes and dev_scores; 3, calls have an
execution."""

DECODE = "decode"
"""The mode that times one new token, given the state after `tokens` tokens."""
EXECUTIONS = ("eager", "graph", "compiled")
_OF_COMPILED = ((False, ("eager", "graph")), (True, ("compiled",)))


@dataclass(frozen=True, kw_only=True)
class MixerColumns:
    """Columns about the mixer that was measured or trained."""

    mixer: str = column("key", "name of the mixer, or file:class of the user's own")
    config: str = column("key", "the mixer's options as canonical JSON; values that depend on the shape stay symbolic", json=())


@dataclass(frozen=True, kw_only=True)
class ShapeColumns:
    """Columns about how a mixer was called."""

    scope: str = column("key", "what was measured: mixer, block or model")
    mode: str = column("key", "inference (forward), training (forward and backward) or decode (one new token after N)")
    tokens: int = size("sequence length N; in decode, length of the context", "tokens")
    width: int = size("channels per token d", "channels")
    batch: int = size("sequences per call", "sequences")
    dtype: str = column("key", "float32, bfloat16 or float16")
    device: str = column("key", "cpu, cuda or cuda:INDEX")


@dataclass(frozen=True, kw_only=True)
class ProcessColumns(ShapeColumns):
    """Columns about the process in which a mixer was called."""

    threads: int = size("threads of one operator on the CPU", "threads")
    compiled: bool = column("key", "whether torch.compile was applied")
    execution: str = column(
        "key",
        "eager, graph (a CUDA graph is replayed) or compiled; rows without it are compiled if `compiled` is true, else eager",
        refines=Refines("compiled", _OF_COMPILED),
    )
    launch: int = column("replicate", "fresh process, counted from 1; intervals are over launches")


@dataclass(frozen=True, kw_only=True)
class TrainingColumns:
    """Columns about a training run: the task, the model, the data."""

    task: str = column("key", "name of the task; what determines its data is in settings")
    mixer: str = same_as(MixerColumns, "mixer")
    config: str = same_as(MixerColumns, "config")
    layers: int = size("blocks of the model", "blocks")
    width: int = same_as(ShapeColumns, "width")
    tokens: int = size("longest sequence of the data set", "tokens")
    train_size: int = size("training examples", "examples")
    device: str = column("key", "cpu or cuda")
    settings: str = column(
        "key", "every other option that can change the result, and the hash of the data, as canonical JSON", json=_SETTINGS
    )
    seed: int = column("replicate", "seed of the subset, the weights and the order of examples")


@dataclass(frozen=True, kw_only=True)
class StatusColumns:
    """Columns about how a measurement went."""

    status: str = column("outcome", "ok, unsupported, diverged, oom, timeout, killed or error", default="ok")
    detail: str = column(
        "outcome", "why the status is not ok; else remarks on the metrics: why one is empty or only a lower bound", default=""
    )


@dataclass(frozen=True, kw_only=True)
class OriginColumns:
    """Columns about where and when a row was measured."""

    environment: str = column("outcome", "hash of what is stable about the machine and the software: environments/HASH.json")
    measured_at: str = column("outcome", "start of the measuring process, UTC, ISO 8601")
    schema: int = column("outcome", "version of the table", default=SCHEMA)


@dataclass(frozen=True, kw_only=True)
class SpeedRow(Row, OriginColumns, StatusColumns, ProcessColumns, MixerColumns):
    """speed.csv: one block of calls of one mixer in one launch."""

    settings: str = column("key", "every other option that can change the result, as canonical JSON", json=_SETTINGS)
    round: int = column("replicate", "round within the launch, counted from 1; 0 where nothing was timed")
    latency_ms: float | None = metric(
        "wall time per call; on CUDA from the first launch to the last result, launching included",
        "ms",
        positive=True,
        words="latency",
        rule="reported",
        heading=Heading("latency ms"),
        quantity=Quantity("latency", "Latency", "latency per call (ms)"),
    )
    cpu_ms: float | None = metric("CPU time of all threads per call", "ms", words="CPU time", rule="reported", in_summary=True)
    device_ms: float | None = metric(
        "device time per call, between CUDA events; where present, it is the time that counts",
        "ms",
        words="device time",
        rule="time",
        heading=Heading("device ms"),
        quantity=Quantity("device-time", "Device time", "device time per call (ms)"),
    )
    host_ms: float | None = metric("time the CPU needs to launch a call on the GPU", "ms")
    tokens_per_s: float | None = metric(
        "batch × tokens / time: wall time on the CPU, device time on a GPU; in decode, batch / time",
        "tokens/s",
        "higher",
        positive=True,
        rule="reported",
        heading=Heading("tokens/s", "prefix"),
        quantity=Quantity("throughput", "Throughput", "throughput (tokens/s)", prefixed=True),
    )
    flops: int | None = metric(
        "floating-point operations per call, multiply-add = 2; elementwise operations and work outside torch's operators"
        " are not counted; a lower bound where detail says so",
        "FLOP",
        words="FLOPs",
        rule="count",
        heading=Heading("GFLOP", per=1e9),
        quantity=Quantity("flops", "Operations", "operations per call (FLOP)", prefixed=True),
    )
    gflops_per_s: float | None = metric(
        "flops / time: wall time on the CPU, device time on a GPU; a lower bound where flops is",
        "GFLOP/s",
        "higher",
        in_summary=True,
    )
    params: int | None = metric(
        "parameters of what was measured; a complex one counts as two",
        "parameters",
        "",
        words="parameters",
        rule="count",
        heading=Heading("params", "prefix"),
    )
    peak_memory_mib: float | None = metric(
        "peak of live tensors in a call, including everything that the module holds, input, output and gradients",
        "MiB",
        words="peak memory",
        rule="count",
        heading=Heading("peak MiB"),
        quantity=Quantity("memory", "Peak memory", "peak of live tensors (MiB)"),
    )
    peak_reserved_mib: float | None = metric("peak reserved by the GPU allocator in a call", "MiB", once=True)
    peak_rss_mib: float | None = metric(
        "on the CPU, growth of the resident set of a fresh process that builds and calls it once; empty in decode, where"
        " reaching the state takes most",
        "MiB",
        once=True,
    )
    energy_j: float | None = metric("energy per call, from a meter", "J", rule="reported", once=True, heading=Heading("J"))
    operators: int | None = metric(
        "operators per call that compute something; views are not counted", "operators", rule="count"
    )
    moved_mib: float | None = metric(
        "memory that the operators of a call read and write, each operand once: a model without caches and fusion; empty for"
        " compiled code",
        "MiB",
        once=True,
        in_summary=True,
    )
    allocated_mib: float | None = metric("sum of all allocations in a call", "MiB", words="bytes allocated", rule="count")
    state_mib: float | None = metric(
        "decode only: state after N tokens, of the whole batch, measured from its tensors",
        "MiB",
        words="state",
        rule="count",
        heading=Heading("state MiB"),
        quantity=Quantity("state", "State", "state between tokens (MiB)"),
    )
    compile_s: float | None = metric(
        "time that torch.compile took: the first call (forward, or forward and backward) less a later call",
        "s",
        once=True,
        in_summary=True,
    )
    page_faults: float | None = column("observation", "minor page faults per call", "faults", default=None)
    context_switches: int | None = column("observation", "involuntary context switches in the block", "switches", default=None)
    steal_ms: float | None = column(
        "observation", "time that the hypervisor took from this machine in the block", "ms", default=None
    )
    core_wait_ms: float | None = column(
        "observation",
        "time in the block that threads were ready to run but had no core, summed over threads",
        "ms",
        default=None,
    )
    sm_clock_mhz: float | None = column("observation", "clock of the GPU after the block", "MHz", default=None)
    variant: str = column("observation", "what actually ran: grouping, hidden size, attention kernel", default="", once=True)
    uncounted_operators: str = column("observation", "operators that ran but are not in flops, by name", default="", once=True)
    rounds: int = column("observation", "rounds of this launch", "rounds", default=1)
    stopped_by: str = column("observation", "why the launch stopped: precision or budget", default="")
    quality: str = column(
        "observation",
        "clean, contended (with other work) or throttled (the GPU's clock was over 3 % below the highest of this launch)",
        default="",
    )

    @property
    def tokens_per_call(self) -> int:
        """The tokens for which a call gives outputs."""
        return tokens_per_call(self.mode, self.tokens, self.batch)

    @property
    def time_ms(self) -> float | None:
        """The time per call that is judged, ms: that of the GPU where it was measured, else wall time.

        None where the GPU had nothing to do.
        """
        if self.device_ms is None:
            return self.latency_ms
        return self.device_ms if self.device_ms >= SHORTEST_KERNEL_MS else None


def tokens_per_call(mode: str, tokens: int, batch: int) -> int:
    """The tokens for which a call gives outputs: all of each sequence, in decode one."""
    return batch if mode == DECODE else batch * tokens


@dataclass(frozen=True, kw_only=True)
class LaunchRow(Row, OriginColumns, ProcessColumns):
    """launches.csv: what varied from launch to launch, one row per launch and shape."""

    calibration_ms: float | None = metric(
        "median wall time of the fixed calibration workload, one round each", "ms", positive=True
    )
    calibration_cpu_ms: float | None = metric("median CPU time of the calibration workload", "ms")
    peak_gflops_per_s: float | None = metric(
        "best rate of a large matrix product in this launch, in this dtype", "GFLOP/s", "higher", positive=True
    )
    bandwidth_gb_per_s: float | None = metric(
        "best rate of a large copy in this launch, bytes read and written", "GB/s", "higher", positive=True
    )
    others_cores: float | None = column(
        "observation", "cores that other processes kept busy on average while the group was timed", "cores", default=None
    )
    load: float | None = column("observation", "load average over one minute at the start", "processes", default=None)
    available_mib: float | None = column("observation", "memory available at the start", "MiB", default=None)
    cpu_mhz: float | None = column("observation", "mean clock of the cores at the start", "MHz", default=None)
    allocator: str = column("observation", "retained (freed memory is kept by the process) or default", default="")
    denormals: str = column("observation", "flushed or kept: whether the CPU accepted flushing", default="")
    parallel: str = column("observation", "threads and OpenMP or MKL version as torch reports them", default="")
    commit: str = column(
        "observation", "git commit of the working directory, followed by -dirty if tracked files had changed", default=""
    )
    measured_at: str = column("outcome", "start of the measuring process, UTC, ISO 8601; equal for rows of one process")


@dataclass(frozen=True, kw_only=True)
class TrainingRow(Row, OriginColumns, StatusColumns, TrainingColumns):
    """data_efficiency.csv: one mixer trained on one part of a data set with one seed."""

    dev_score: float | None = metric("best score on the development set; the weights that reached it are tested", "score", "")
    test_score: float | None = metric("score on the test set, taken once", "score", "", words="test score", rule="score")
    test_standard_error: float | None = metric("sampling error of test_score over the examples of the test set", "score", "")
    train_seconds: float | None = metric(
        "wall time of the training steps, evaluation excluded; longer where runs share a device", "s", rule="reported"
    )
    train_flops: int | None = metric(
        "floating-point operations of the training steps, counted as flops is; a lower bound where detail says so",
        "FLOP",
        words="training FLOPs",
        rule="count",
    )
    steps: int | None = metric("training steps", "steps", "")
    examples_seen: int | None = metric("training examples seen, repetitions included", "examples", "")
    best_step: int | None = metric("step with the best score on the development set", "steps", "")
    params: int | None = metric(
        "parameters of the model; a complex one counts as two", "parameters", "", words="parameters", rule="count"
    )
    peak_memory_mib: float | None = metric(
        "growth of the resident set of the training process; on CUDA, peak allocated memory", "MiB", words="peak memory"
    )
    state_mib: float | None = metric(
        "state of one sequence after `tokens` tokens, in all layers, measured from its tensors; empty for mixers"
        " that cannot decode",
        "MiB",
        words="state",
        rule="count",
    )
    score: str = column("observation", f"by what weights are chosen and tested: {scores_in_words()}", default="")
    learning_rate: float | None = column("observation", "learning rate of this run", default=None)
    dropout: float | None = column("observation", "share of activations dropped in training", default=None)
    fraction: float | None = column("observation", "train_size relative to the whole training set", default=None)
    test_examples: int | None = column("observation", "examples of the test set", "examples", default=None)
    constant_score: float | None = column(
        "observation",
        "score on the test set of the best constant answer: the most frequent class of the training set, or its mean value",
        "score",
        default=None,
    )
    classes: int | None = column("observation", "classes that the training set has", "classes", default=None)
    dev_scores: str = column(
        "observation", "scores on the development set by training step, as canonical JSON", default="{}", json=()
    )
    checkpoint: str = column(
        "observation", "file of the best weights, relative to the results folder; empty where none was kept", default=""
    )


@dataclass(frozen=True, kw_only=True)
class TrialRow(TrainingRow):
    """tuning.csv: one mixer trained with one draw of hyperparameters. Columns of data_efficiency.csv, and what was drawn."""

    seed: int = column("key", "seed of the search; trial k of a seed draws the same values for every mixer")
    trial: int = column("replicate", "trial of the search, counted from 1")
    sampled: str = column("observation", "the values that were drawn, as canonical JSON", default="{}", json=())


@dataclass(frozen=True, kw_only=True)
class AttentionMapRow(Row, OriginColumns, StatusColumns, TrainingColumns):
    """attention_map.csv: which tokens one trained mixer mixes in one example of the test set (`mixbench attention-map`)."""

    example: int = column("replicate", "example of the test set, counted from 0")
    right_share: float | None = metric(
        "share of the sensitivity to distant inputs that falls on needed inputs, over outputs that need other tokens",
        "share",
        "higher",
    )
    chance_share: float | None = metric("the same share if all distant inputs counted equally", "share", "")
    distant_share: float | None = metric(
        "share of the sensitivity of these outputs that falls on distant inputs, those beyond `reach`", "share", ""
    )
    test_score: float | None = same_as(TrainingRow, "test_score")
    reach: int | None = column(
        "observation",
        "tokens to either side that an output sees without any mixing, through stem and head",
        "tokens",
        default=None,
    )
    score: str = same_as(TrainingRow, "score")
    learning_rate: float | None = same_as(TrainingRow, "learning_rate")
    checkpoint: str = column(
        "observation", "file of the weights, relative to the results folder unless given by --checkpoint", default=""
    )
    map_file: str = column(
        "observation", "file of the map, relative to the results folder; empty for examples that are not drawn", default=""
    )


@dataclass(frozen=True, kw_only=True)
class PairRow(Row, OriginColumns, StatusColumns, ShapeColumns, MixerColumns):
    """pairs.csv: one workload in one pair of processes of equal code, in turns (`mixbench selfcheck`)."""

    mixer: str = column("key", "name of the mixer; calibration is the fixed workload of every launch")
    planted_percent: int = column("key", "extra work of the second process relative to the call; 0: none", "%")
    pair: int = column("replicate", "pair of fresh processes, counted from 1")
    base_ms: float | None = metric("CPU time per call of the first process; on CUDA, device time", "ms", positive=True)
    head_ms: float | None = metric("the same for the second process", "ms", positive=True)
    log_ratio: float | None = metric("natural logarithm of the ratio of second to first, the median over rounds", "ln", "")
    wall_log_ratio: float | None = metric("the same for wall time", "ln", "")
    rounds: int | None = column("observation", "rounds of A B B A", "rounds", default=None)
    load: float | None = same_as(LaunchRow, "load")
    measured_at: str = column("outcome", "start of the pair, UTC, ISO 8601")


TABLES: dict[str, type[Row]] = {
    "speed": SpeedRow,
    "launches": LaunchRow,
    "data_efficiency": TrainingRow,
    "tuning": TrialRow,
    "attention_map": AttentionMapRow,
    "pairs": PairRow,
}
