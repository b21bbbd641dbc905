"""What the contract means for the cells of a study: which mixers are to be verified, which are refused, which are warned of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mixbench.errors import one_line
from mixbench.execution import Launch
from mixbench.studies.outcomes import Outcome
from mixbench.studies.progress import Progress
from mixbench.studies.speed_contract import Contract, Subject, concerns, key
from mixbench.studies.speed_plan import PlannedCell
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_worker import Worker
from mixbench.tables.remarks import SEPARATOR, breaks


@dataclass
class Verification:
    """Holds the mixers of a request to their contract before they are timed."""

    request: SpeedRequest
    progress: Progress
    worker: Worker
    contract: Contract
    warned_of: set[tuple[str, str]] = field(default_factory=set)
    """The mixers whose broken contract has been told, with what they break."""

    def missing(self, cells: Sequence[PlannedCell]) -> list[Subject]:
        """The mixers of some cells that have not been verified, with their devices."""
        known = {_subject(cell) for cell in cells}
        subjects = [(m, device) for device in self.request.device for m in self.request.mixers]
        subjects = [(m, device) for m, device in subjects if (m.name, m.config, device) in known]
        return self.contract.unknown(subjects) if self.worker.verifier else []

    def verify(self, subjects: Sequence[Subject], launch: Launch) -> None:
        """Verify mixers in children of a launch."""
        for device in dict.fromkeys(device for _, device in subjects if device != "cpu"):
            self.progress.doing(f"checking the contract on {device}")
        for line in self.contract.verify(subjects, self.worker.verifying(launch), self.request.timeout):
            self.progress.remark(line)

    def refused(self, cells: Sequence[PlannedCell]) -> list[tuple[PlannedCell, Outcome]]:
        """Those of some cells whose mixer is built in and breaks its contract, each as one that failed."""
        faults = self._faults(built_in=True)
        broken = [(cell, faults.get(_subject(cell), "")) for cell in cells]
        return [(c, {"status": "error", "detail": f"it fails its contract: {fault}"}) for c, fault in broken if fault]

    def warned(self, cells: Sequence[PlannedCell]) -> list[PlannedCell]:
        """The cells, of which those whose mixer is not built in say which check it fails; the user is told once of each."""
        faults = {subject: one_line(fault) for subject, fault in self._faults(built_in=False).items() if fault}

        def warned(cell: PlannedCell) -> PlannedCell:
            fault = faults.get(_subject(cell), "")
            if not fault or not concerns(fault, cell.keys["dtype"]):
                return cell
            told = breaks(fault)
            if (cell.label, told) not in self.warned_of:
                self.progress.remark(f"{cell.label}: {told}. It is measured, but the numbers may mislead.")
                self.warned_of.add((cell.label, told))
            parts = [part for part in (cell.remark, told) if part]
            return cell if told in cell.remark else replace(cell, remark=SEPARATOR.join(parts))

        return list(map(warned, cells))

    def _faults(self, *, built_in: bool) -> dict[tuple[str, str, str], str]:
        """What mixers fail, "" for none, by name, config and device."""
        subjects = [(m, device) for m in self.request.mixers for device in self.request.device if bool(m.entry) == built_in]
        return {(m.name, m.config, device): self.contract.faults.get(key(m, device), "") for m, device in subjects}


def _subject(cell: PlannedCell) -> tuple[str, str, str]:
    """The name, config and device of the mixer of a cell."""
    return cell.keys["mixer"], cell.keys["config"], cell.keys["device"]
