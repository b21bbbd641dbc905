from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _flags_are_put_back() -> Iterator[None]:
    """What runs in children sets flags of the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)
    torch.set_num_threads(threads)
