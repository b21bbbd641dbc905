"""Two results folders compared: read, match, judge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.loading import load
from mixbench.errors import RequestError, UnknownNameError
from mixbench.machine.environment import environment, machine_part

if TYPE_CHECKING:
    from mixbench.verdicts.gate.cells import Measured
    from mixbench.verdicts.gate.comparison import Comparison
    from mixbench.verdicts.gate.exports import Report

TIERS = ("all", "counts")


@dataclass(frozen=True)
class CompareOutcome:
    """Both versions and what comparing them says."""

    base: Measured
    head: Measured
    comparison: Comparison

    @property
    def report(self) -> Report:
        """What the formats of `mixbench.verdicts.gate.exports` are made of."""
        from mixbench.verdicts.gate.exports import report

        return report(self.head, self.comparison, self.base)


def compare_results(
    base: str | Path,
    head: str | Path,
    *,
    threshold: float | None = None,
    tolerance: Mapping[str, float] | None = None,
    tier: str = "all",
) -> CompareOutcome:
    """Judge every cell of two results folders, `head` against `base`.

    `threshold` is the relative change of a stored time that counts (0.3: 30 %; None: what `mixbench selfcheck` found for
    this machine where the folders come from it, else 30 %), `tolerance` those of counts by metric (default 0), `tier` all
    or counts: counts alone are compared whatever machine they come from.
    Raises RequestError, StorageError.
    """
    from mixbench.verdicts.gate.compare import COUNTS, DEFAULT_THRESHOLD, compare

    if tier not in TIERS:
        raise UnknownNameError("tier", tier, TIERS)
    if threshold is not None and not (math.isfinite(threshold) and threshold > 0):
        raise RequestError(f"the threshold is {threshold:g}, not a share above 0", "0.3 is 30 %.")
    known = {metric for metrics in COUNTS.values() for metric in metrics}
    for metric, share in (tolerance or {}).items():
        if metric not in known:
            raise UnknownNameError("metric", metric, known, "among the counts")
        if not (math.isfinite(share) and share >= 0):
            raise RequestError(f"the tolerance of {metric} is {share:g}, not a share from 0 on", "0.01 is 1 %.")
    versions = load(base), load(head)
    comparison = compare(
        *versions,
        threshold=threshold or _own_threshold(*versions) or DEFAULT_THRESHOLD,
        tolerances=tolerance,
        counts_only=tier == "counts",
    )
    return CompareOutcome(*versions, comparison)


def _own_threshold(*versions: Measured) -> float | None:
    """What the self-check of this machine says, where both versions were measured on it and nowhere else."""
    from mixbench.api.selfcheck import known_figures

    here = machine_part(environment())
    if any(machine_part(content) != here for version in versions for content in version.environments.values()):
        return None
    known = known_figures()
    return known.stored_threshold if known else None


def compare(base: str | Path, head: str | Path, **options: Any) -> Comparison:
    """As `compare_results`; returns what the comparison says."""
    return compare_results(base, head, **options).comparison
