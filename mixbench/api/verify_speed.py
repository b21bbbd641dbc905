"""How near mixers come to the best rates of a device, and whether torch.compile makes those faster that are far from both.

Two small studies of speed in a folder that is removed: all mixers eager, then those compiled that are far from both rates.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mixbench.api.speed_options import SpeedOptions
from mixbench.api.verify_options import VerifyOptions
from mixbench.errors import RequestError
from mixbench.machine.roofline import SHAPES
from mixbench.mixers.choice import ChosenMixer

if TYPE_CHECKING:
    from mixbench.verdicts.speed.cell_summary import CellSummary


Typed = tuple[ChosenMixer, str]
"""A mixer and how it was typed."""


def time_mixers(mixers: Sequence[Typed], device: str, options: VerifyOptions) -> dict[str, dict[str, str]]:
    """For each mixer, by its label, one check as `near_peaks.judge` makes it. Raises RequestError, WorkerError."""
    from mixbench.verdicts.speed.near_peaks import judge, not_timed

    (batch, tokens, width), dtype = SHAPES[device.partition(":")[0]]
    checks, possible = {}, []
    for mixer, text in mixers:
        try:
            mixer.arguments(tokens, width)
            possible.append((mixer, text))
        except RequestError as error:
            checks[mixer.label] = not_timed(str(error))
    with tempfile.TemporaryDirectory(prefix="mixbench-verify-") as folder:
        request = SpeedOptions(
            tokens=tokens,
            width=width,
            batch=batch,
            dtype=dtype,
            device=device,
            launches=1,
            timeout=options.timeout,
            results=folder,
            progress=options.progress,
        )
        eager = _timed(possible, request)
        far = [(mixer, text) for mixer, text in possible if _is_far(eager[mixer.label])]
        compiled = _timed(far, replace(request, execution="compiled"))
    return checks | {label: judge(cell, compiled.get(label)) for label, cell in eager.items()}


def _is_far(cell: CellSummary) -> bool:
    """Whether it does something, and comes near neither best rate."""
    return cell.bound_by == "neither" and bool(cell.share_of_bandwidth)


def _timed(mixers: Sequence[Typed], options: SpeedOptions) -> dict[str, CellSummary]:
    """The cell of each mixer, by its label."""
    from mixbench.api.speed import measure_speed

    if not mixers:
        return {}
    outcome = measure_speed(replace(options, mixer=[text for _, text in mixers]))
    cells = {(cell.mixer, cell.config): cell for cell in outcome.summary.cells}
    return {mixer.label: cells[mixer.name, mixer.config] for mixer, _ in mixers}
