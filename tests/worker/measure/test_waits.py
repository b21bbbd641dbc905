from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from mixbench.worker.measure import waits
from mixbench.worker.measure.waits import seconds_waited

pytestmark = pytest.mark.skipif(seconds_waited() is None, reason="this kernel does not tell how long threads wait")


def test_a_thread_that_shares_its_core_waits_and_one_that_sleeps_does_not() -> None:
    core = min(os.sched_getaffinity(0))
    spin = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    before = seconds_waited()
    time.sleep(0.2)
    asleep = (seconds_waited() or 0) - (before or 0)
    allowed = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", spin]) as busy:
        try:
            os.sched_setaffinity(0, {core})
            before, end = seconds_waited() or 0, time.perf_counter() + 1.0
            while time.perf_counter() < end:
                pass
            waited = (seconds_waited() or 0) - before
        finally:
            os.sched_setaffinity(0, allowed)
            busy.kill()
    assert asleep < 0.15
    assert waited > 0.2


def test_a_kernel_without_these_figures_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_TASKS", "/nowhere")
    assert seconds_waited() is None
