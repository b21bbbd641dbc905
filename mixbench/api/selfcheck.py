"""How reliable the gate is on this machine: record pairs of equal code, and derive the figures from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.api.options import takes
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.errors import RequestError
from mixbench.machine.environment import environment, machine_part
from mixbench.machine.folders import cache_folder
from mixbench.parsing.spec import parse_share
from mixbench.studies.progress import Silent
from mixbench.studies.selfcheck import record_pairs
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import PairRow
from mixbench.verdicts.gate.duel import FLOOR
from mixbench.verdicts.words import in_percent, percent

if TYPE_CHECKING:
    from mixbench.verdicts.gate.selfcheck import Figures


def selfcheck_folder() -> Path:
    """The default folder for the pairs of this machine."""
    return cache_folder() / "selfcheck"


@takes(SelfcheckOptions)
def selfcheck(options: SelfcheckOptions) -> Figures:
    """Record pairs of equal code, in addition to stored ones, and return what they say about the gate on this machine.

    `threshold` is the slowdown that is never flagged (0.01: 1 %, as in a duel).
    Raises MixbenchError, RequestError where there are too few pairs.
    """
    return record_and_judge(options)


def record_and_judge(options: SelfcheckOptions) -> Figures:
    """Carry out `selfcheck` with an options object. Raises MixbenchError."""
    if not 0 <= options.minutes < 1e6:
        raise RequestError(f"--minutes is {options.minutes:g}; it must be at least 0")
    threshold = parse_share(options.threshold, "--threshold", least=0)
    folder = ResultsFolder(options.results or selfcheck_folder())
    if options.minutes:
        seconds = 60 * options.minutes
        record_pairs(folder, options.progress or Silent(), seconds=seconds, device=options.device, fresh=options.fresh)
    found = known_figures(folder.path, options.device, threshold)
    if found is None:
        usable = {row.pair for row in _recorded_here(folder, options.device) if row.log_ratio is not None}
        again = "mixbench selfcheck --minutes 10"
        raise RequestError(
            f"too few pairs to judge duel by: there {'is' if len(usable) == 1 else 'are'} {len(usable)}, and 16 are needed",
            f"They are kept, and the next run adds to them: {again}." if usable else f"Record them: {again}.",
        )
    return found


def known_figures(results: str | Path | None = None, device: str = "cpu", threshold: float = FLOOR) -> Figures | None:
    """What the pairs recorded on this machine, with any software, say about the gate; None if there are too few."""
    from mixbench.verdicts.gate.selfcheck import figures

    return figures(_recorded_here(ResultsFolder(results or selfcheck_folder()), device), threshold)


def _recorded_here(folder: ResultsFolder, device: str) -> list[PairRow]:
    here = machine_part(environment())
    rows = [row for row in folder.read(PairRow) if row.device == device]
    own = {digest for digest in {row.environment for row in rows} if machine_part(folder.environment(digest)) == here}
    return [row for row in rows if row.environment in own]


def figures_in_words(known: Figures) -> str:
    """The figures in a sentence, as `duel` prints it."""
    found = known.detected[0.05]
    return (
        f"How reliable duel is on this machine with a threshold of {percent(known.floor, 'g')},"
        f" from {known.pairs} pairs of equal code:"
        f" false alarms in {percent(known.false_alarms.point, '.2g')} of cells"
        f" (at most {percent(known.false_alarms.high, '.2g')}),"
        f" slowdowns of 5 % found in {percent(found.point)} ({in_percent(found.low)}–{in_percent(found.high)})."
    )
