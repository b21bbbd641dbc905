"""One mixer at one shape, from its rows of speed.csv: its times with their intervals, its ratio, its shares of the peaks.

The replicate is the launch: rounds enter only as a median per launch, so that no interval treats them as independent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from mixbench.machine import roofline
from mixbench.stats import Interval, launch_medians, log_median_interval
from mixbench.tables.columns import columns
from mixbench.tables.remarks import REMEMBERS, SEPARATOR, notes_in, special_in
from mixbench.tables.selection import Selection
from mixbench.tables.speed_rows import DECODE, SpeedRow
from mixbench.verdicts.gate.cells import good_rows
from mixbench.verdicts.labels import Context, MixerKey
from mixbench.verdicts.records import count_mark, count_remark
from mixbench.verdicts.speed.blocks import Chosen, choose_places, clean_time, clean_wall_time
from mixbench.verdicts.speed.ratio import Rounds, compared_rounds, rounds_of
from mixbench.verdicts.speed.times import DEVICE, TIME, WALL

_FIRST = (WALL, DEVICE, "tokens_per_s", "peak_memory_mib", "flops")
SUMMARISED = (*_FIRST, *(name for name, column in columns(SpeedRow).items() if column.summarised and name not in _FIRST))
"""Metrics of the summary in the order of tables and figures: those of _FIRST, then the others in the order of the CSV."""

_UNEVEN = 1.15
"""How far the mean of blocks may lie above their median."""
HOST_BOUND = 1.1
"""If wall time is more than this many times device time, the GPU waits for the host, which launches its kernels."""
_MIB = 2**20


@dataclass(frozen=True)
class CellSummary:
    """One mixer at one shape; None where something was not measured."""

    mixer: str
    config: str
    label: str
    context: Context
    tokens: int
    baseline: str | None
    """Label of the mixer that ratios of this context are relative to."""
    status: str
    """ok if at least one launch is, else that of the first failure."""
    detail: str
    """Why the first failed launch failed; without one, the same as `remarks`."""
    remarks: str
    """Every remark in `detail` of a launch that is ok."""
    failed_launches: int
    by_launch: Mapping[str, Mapping[int, float]]
    """For TIME and each of SUMMARISED, the median of each launch that has it."""
    time_ms: Interval | None
    """The time that is judged: device time on a GPU, wall time on the CPU."""
    latency_ms: Interval | None
    """Wall time."""
    ratio: Interval | None
    """Time relative to the baseline's in the same context."""
    paired: bool
    """Whether the ratio was taken round by round within processes."""
    paired_ratios: Mapping[int, float]
    """The paired ratio of each launch that has one."""
    mean_ms: float | None
    """Mean time of the blocks of a launch, as the median over launches."""
    disturbed: bool
    """Whether other work took the cores during most of what the time comes from."""
    wall_disturbed: bool
    """The same of wall time, which on a GPU other work disturbs more easily."""
    ratio_disturbed: bool
    """The same of the ratio."""
    flops_remark: str
    """Why flops is only a lower bound, or unknown; empty where every product has a formula."""
    share_of_peak: float | None
    """FLOP/s relative to `peak_gflops_per_s` of the same launch, 0 to 1."""
    share_of_bandwidth: float | None
    """Bytes that operators move (`moved_mib`) per second, relative to `bandwidth_gb_per_s` of the same launch; above 1 where
    caches serve them.
    """
    peak_gflops_per_s: float | None
    clean_share: float | None
    """Share of the blocks with quality clean."""

    @property
    def launch_ms(self) -> Mapping[int, float]:
        """Median time of each launch, ms."""
        return self.by_launch[TIME]

    @property
    def on_device(self) -> bool:
        """Whether the time is that of a GPU."""
        return bool(self.by_launch[DEVICE])

    @property
    def host_bound(self) -> bool | None:
        """Whether launching takes longer than what is launched; None on the CPU, and where the GPU has nothing to do."""
        if not (self.on_device and self.time_ms and self.latency_ms):
            return None
        return self.latency_ms.point > HOST_BOUND * self.time_ms.point

    @property
    def bound_by(self) -> str | None:
        """The measured peak that a call comes near to: memory or compute, or neither; None where that is not known."""
        moved, computed = self.share_of_bandwidth, self.share_of_peak or 0.0
        if moved is None:
            return None
        bound = roofline.bound_by(compute=computed, memory=moved)
        return None if bound == "neither" and self.flops_mark != "" else bound

    @property
    def uneven(self) -> bool:
        """Whether a few calls are so slow that the median hides them."""
        if self.mean_ms is None or self.time_ms is None or self.disturbed:
            return False
        return self.mean_ms > _UNEVEN * self.time_ms.point

    @property
    def remembers(self) -> bool:
        """Whether a call takes less work for an input that was seen before."""
        return REMEMBERS in special_in(self.remarks)

    @property
    def decoding(self) -> bool:
        """Whether a call gives the next token of each sequence."""
        return self.context.mode == DECODE

    @property
    def matched(self) -> str:
        """With which size the mixer was matched to the baseline, and how its cost still differs; empty where it was not."""
        return ", ".join(note.partition(": ")[2] for note in notes_in(self.remarks, "match"))

    @property
    def launches(self) -> int:
        """How many launches timed this cell."""
        return len(self.launch_ms)

    def value(self, metric: str) -> float | None:
        """TIME or one of SUMMARISED as a number: the median over launches."""
        return _typical(self.by_launch[metric].values())

    @property
    def flops_mark(self) -> str | None:
        """The mark of flops, and of what comes from it, as of `count_mark`."""
        return count_mark(self.value("flops"), self.flops_remark)

    @property
    def values(self) -> dict[str, float | None]:
        """SUMMARISED as numbers, but for wall time, which has its interval."""
        return {metric: self.value(metric) for metric in SUMMARISED if metric != WALL}


def cells_of(
    context: Context,
    group: Mapping[MixerKey, Selection[SpeedRow]],
    base: MixerKey | None,
    labels: Mapping[MixerKey, str],
    order: Iterable[MixerKey],
) -> Iterator[CellSummary]:
    """The cells of one context and length."""
    beside = rounds_of(good_rows(group[base])) if base and base in group else {}
    for mixer in order:
        if mixer in group:
            yield _cell(labels[mixer], context, group[mixer], labels[base] if base else None, beside)


def _cell(
    label: str,
    context: Context,
    rows: Selection[SpeedRow],
    baseline: str | None,
    beside: Rounds,
) -> CellSummary:
    """`beside` are the rounds of the baseline."""
    good = good_rows(rows)
    bad = rows if not good else rows.at(rows.test("status", "ok".__ne__)) if len(good) < len(rows) else good[:0]
    details = good.values("detail")
    every_remark = (remark for detail in dict.fromkeys(details) for remark in detail.split(SEPARATOR))
    remarks = SEPARATOR.join(dict.fromkeys(filter(None, every_remark)))
    chosen, counted, by_launch = _medians(good, clean_time(good), (TIME, *SUMMARISED))
    launch_ms = list(by_launch[TIME].values())
    quiet, _, wall = _medians(good, clean_wall_time(good), (WALL,))
    by_launch |= wall
    wall_ms = list(by_launch[WALL].values())
    ratio = compared_rounds(rounds_of(good), beside)
    qualities = [quality for quality in good.values("quality") if quality]
    times = good.values(TIME)
    means = (fmean(own) for places in chosen.by_process.values() if (own := [t for i in places if (t := times[i]) is not None]))
    launches, best = counted.values("launch"), counted.values("peak_gflops_per_s")

    return CellSummary(
        mixer=rows.first("mixer"),
        config=rows.first("config"),
        label=label,
        context=context,
        tokens=rows.first("tokens"),
        baseline=baseline,
        status="ok" if good else bad.first("status"),
        detail=bad.first("detail") if bad else remarks,
        remarks=remarks,
        failed_launches=len({*bad.values("launch")}),
        by_launch=by_launch,
        time_ms=log_median_interval(launch_ms) if launch_ms else None,
        latency_ms=log_median_interval(wall_ms) if wall_ms else None,
        ratio=ratio.interval,
        paired=bool(ratio.by_launch),
        paired_ratios=ratio.by_launch,
        mean_ms=_typical(means),
        disturbed=bool(launch_ms) and chosen.disturbed,
        wall_disturbed=bool(wall_ms) and quiet.disturbed,
        ratio_disturbed=ratio.disturbed,
        flops_remark=count_remark("flops", list(dict.fromkeys(zip(good.values("flops"), details, strict=True)))),
        share_of_peak=_typical(launch_medians(zip(launches, _shares_of_peak(counted), strict=True)).values()),
        share_of_bandwidth=_typical(launch_medians(zip(launches, _shares_of_bandwidth(counted), strict=True)).values()),
        peak_gflops_per_s=_typical(launch_medians(zip(launches, best, strict=True)).values()),
        clean_share=qualities.count("clean") / len(qualities) if qualities else None,
    )


def _medians(
    rows: Selection[SpeedRow], clean: Sequence[bool], names: Sequence[str]
) -> tuple[Chosen[tuple[int, str], int], Selection[SpeedRow], dict[str, Mapping[int, float]]]:
    """Which rows count, these, and the medians of their launches in some columns."""
    chosen = choose_places(rows, clean)
    counted = rows.at([place for places in chosen.by_process.values() for place in places])
    launches = counted.values("launch")
    return chosen, counted, {name: launch_medians(zip(launches, counted.values(name), strict=True)) for name in names}


def _shares_of_peak(rows: Selection[SpeedRow]) -> Iterator[float | None]:
    for rate, best in zip(rows.values("gflops_per_s"), rows.values("peak_gflops_per_s"), strict=True):
        yield None if rate is None or best is None else rate / best


def _shares_of_bandwidth(rows: Selection[SpeedRow]) -> Iterator[float | None]:
    for moved, ms, best in zip(*map(rows.values, ("moved_mib", TIME, "bandwidth_gb_per_s")), strict=True):
        known = not (moved is None or ms is None or best is None)
        yield roofline.share_of_bandwidth(moved * _MIB, ms / 1e3, best) if known else None


def _typical(medians: Iterable[float]) -> float | None:
    """The median of the launches' medians, on the log scale where all are positive; None without any."""
    values = list(medians)
    if not values or min(values) == max(values):
        return values[0] if values else None
    return log_median_interval(values).point if min(values) > 0 else median(values)
