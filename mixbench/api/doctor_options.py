"""Options of `mixbench doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(shared.Followed):
    """Show this machine and its software, its best rates, what bounds typical kernels, and what will disturb a measurement."""

    example_commands: ClassVar = ("mixbench doctor", "mixbench doctor --device cuda:1")

    device: Annotated[str | None, Option(help="cpu, cuda or cuda:1. Default: the CPU, and a GPU where there is one.")] = None
    threads: shared.Threads = None
