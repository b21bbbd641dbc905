"""A stand-in for pynvml with one GPU, or as many as are asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class NVMLError(Exception):
    """As pynvml raises it for whatever a GPU does not support."""


def fake_nvml(gpus: int = 1, **answers: Any) -> Any:
    """A module whose functions return `answers` by name (an exception is raised); anything else is not supported."""

    class Library:
        NVML_CLOCK_SM = 1
        NVML_TEMPERATURE_GPU = 0

        def __init__(self) -> None:
            self.open = 0
            self.asked: list[tuple[Any, ...]] = []

        def nvmlInit(self) -> None:  # noqa: N802
            self.open += 1

        def nvmlShutdown(self) -> None:  # noqa: N802
            self.open -= 1

        def __getattr__(self, question: str) -> Any:
            if not question.startswith("nvml"):
                raise AttributeError(question)

            def answer(*arguments: Any) -> Any:
                self.asked.append((question, *arguments))
                known = {"nvmlDeviceGetCount": gpus, "nvmlDeviceGetHandleByIndex": f"handle {arguments[:1]}"} | answers
                if question not in known:
                    raise NVMLError("Not Supported")
                found = known[question]
                if isinstance(found, Exception):
                    raise found
                return found(*arguments) if callable(found) else found

            return answer

    return Library()


def process(pid: int) -> SimpleNamespace:
    """An entry of nvmlDeviceGetComputeRunningProcesses."""
    return SimpleNamespace(pid=pid)
