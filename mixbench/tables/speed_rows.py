"""Rows of timed calls: speed.csv, launches.csv and pairs.csv.

A new metric of speed.csv takes one field of `SpeedRow`, anywhere among the metrics, and a value of that name in what
`count` of `mixbench.worker.counting` finds if it is found once per cell, else in what `measure_group` of
`mixbench.worker.speed` returns for each block.
"""

from __future__ import annotations

from dataclasses import dataclass

from mixbench.tables.columns import Row
from mixbench.tables.fields import Heading, Quantity, Refines, column, metric, same_as, size
from mixbench.tables.shared_columns import OBJECTS_IN_SETTINGS, MixerColumns, OriginColumns, ShapeColumns, StatusColumns

SHORTEST_KERNEL_MS = 5e-4
"""A kernel takes more than a microsecond: a call that takes less than half of one on a GPU launches none."""

DECODE = "decode"
"""The mode that times one new token, given the state after `tokens` tokens."""
EXECUTIONS = ("eager", "graph", "compiled")
_OF_COMPILED = ((False, ("eager", "graph")), (True, ("compiled",)))


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
class SpeedRow(Row, OriginColumns, StatusColumns, ProcessColumns, MixerColumns):
    """speed.csv: one block of calls of one mixer in one launch."""

    settings: str = column("key", "every other option that can change the result, as canonical JSON", json=OBJECTS_IN_SETTINGS)
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
