"""Two results folders compared: read, match, judge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixbench.api.common import separated
from mixbench.api.compare_options import CompareOptions
from mixbench.api.loading import load
from mixbench.api.options import takes
from mixbench.errors import RequestError, UnknownNameError
from mixbench.machine.environment import environment, machine_part
from mixbench.parsing.spec import parse_share

if TYPE_CHECKING:
    from mixbench.verdicts.gate.cells import Measured
    from mixbench.verdicts.gate.comparison import Comparison
    from mixbench.verdicts.gate.exports import Report


@dataclass(frozen=True)
class CompareOutcome:
    """Both versions, and their comparison."""

    base: Measured
    head: Measured
    comparison: Comparison

    @property
    def report(self) -> Report:
        """The comparison in the form that the formats of `mixbench.verdicts.gate.exports` take."""
        from mixbench.verdicts.gate.exports import report

        return report(self.head, self.comparison, self.base)


def compare_results(options: CompareOptions) -> CompareOutcome:
    """Judge every cell of two results folders, `head` against `base`. Raises RequestError, StorageError."""
    from mixbench.verdicts.gate.compare import DEFAULT_THRESHOLD, compare

    threshold = None if options.threshold is None else parse_share(options.threshold, "--threshold")
    if threshold is not None and not (math.isfinite(threshold) and threshold > 0):
        raise RequestError(f"--threshold is {threshold:g}; it must be a share above 0", "0.3 is 30 %.")
    tolerances = _tolerances(options.tolerance or {})
    versions = load(options.base), load(options.head)
    comparison = compare(
        *versions,
        threshold=threshold or _own_threshold(*versions) or DEFAULT_THRESHOLD,
        tolerances=tolerances,
        counts_only=options.tier == "counts",
        across_machines=options.across_machines,
    )
    return CompareOutcome(*versions, comparison)


def _tolerances(given: Mapping[str, str | float] | str | Sequence[str]) -> dict[str, float]:
    """Shares by metric, from a mapping or from texts `peak_memory_mib=1%,flops=0%`. Raises RequestError."""
    from mixbench.verdicts.gate.judging import COUNTS

    pairs = given.items() if isinstance(given, Mapping) else [text.partition("=")[::2] for text in separated(given)]
    tolerances = {metric.strip(): parse_share(share, f"--tolerance {metric}") for metric, share in pairs}
    known = {metric for metrics in COUNTS.values() for metric in metrics}
    for metric, share in tolerances.items():
        if metric not in known:
            raise UnknownNameError("metric", metric, known, "among the counts")
        if not (math.isfinite(share) and share >= 0):
            raise RequestError(f"--tolerance of {metric} is {share:g}; it must be a share of at least 0", "0.01 is 1 %.")
    return tolerances


def _own_threshold(*versions: Measured) -> float | None:
    """The threshold that the self-check found on this machine, if both versions were measured only here."""
    from mixbench.api.selfcheck import known_figures

    here = machine_part(environment())
    if any(machine_part(content) != here for version in versions for content in version.environments.values()):
        return None
    known = known_figures()
    return known.stored_threshold if known else None


@takes(CompareOptions)
def compare(options: CompareOptions) -> Comparison:
    """Judge every cell of two results folders, `head` against `base`: what `mixbench compare` prints, as an object.

    Raises RequestError, StorageError.
    """
    return compare_results(options).comparison
