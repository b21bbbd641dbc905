"""Built-in mixers are held to their contract before they are timed, once per code and configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError
from mixbench.execution import Died, Finished
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import read_object
from mixbench.studies.contract_jobs import contract_job
from mixbench.tasks.dataset import cache_folder

TOKENS = 9
_WIDTHS = (8, 16, 32, 64, 128)
Verify = Callable[[Mapping[str, Any]], Finished | Died]
"""Makes a process call `verify_job`."""


@dataclass
class Contract:
    """The first check that each mixer fails, "" for none, by its name and config; kept in the user's cache by environment."""

    environment: str
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return cache_folder() / "verified" / f"{self.environment}.json"

    def read(self) -> None:
        """Read what is kept; nothing where that cannot be read."""
        with suppress(OSError, ValueError):
            self.faults = {name: str(fault) for name, fault in read_object(self.file.read_bytes()).items()}

    def unknown(self, mixers: Iterable[ChosenMixer]) -> list[ChosenMixer]:
        """The built-in mixers that have not been verified, of those that a CPU can run."""
        return [m for m in mixers if m.entry and not (m.unsupported or m.lacks("cpu")) and key(m) not in self.faults]

    def verify(self, mixers: Iterable[ChosenMixer], verify: Verify) -> None:
        """Verify mixers at a small shape in one process, and keep the result; a process that dies says nothing of them."""
        by_label = {job["name"]: (mixer, job) for mixer in mixers for job in _small_job(mixer)}
        if not by_label:
            return
        outcome = verify({"mixers": [job for _, job in by_label.values()]})
        if isinstance(outcome, Died):
            return
        for label, checks in outcome.result.items():
            failed = (f"{check['name']}: {check['detail']}" for check in checks if check["outcome"] == "fail")
            self.faults[key(by_label[label][0])] = next(failed, "")
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            written = self.file.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(self.faults))
            written.replace(self.file)


def key(mixer: ChosenMixer) -> str:
    """The name and config of a mixer as one text."""
    return f"{mixer.name} {mixer.config}"


def _small_job(mixer: ChosenMixer) -> list[dict[str, Any]]:
    for width in _WIDTHS:
        with suppress(RequestError):
            return [contract_job(mixer, tokens=TOKENS, width=width, device="cpu", longer=TOKENS)]
    return []
