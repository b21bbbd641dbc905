"""Recurrences against public implementations, where MIXBENCH_PUBLIC_REFERENCES names a folder with checkouts."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from public_references import public
from torch import Tensor

from mixbench.mixers.min_gru import MinGRU
from mixbench.mixers.mlstm import MLSTM
from mixbench.mixers.ops.decayed_sums import decayed_sums
from mixbench.mixers.ops.gated_sums import gated_sums

FLA, BATCH, HEADS, TOKENS = "fla-org+flash-linear-attention/fla/ops", 2, 3, 128


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def by_token(*tensors: Tensor) -> list[Tensor]:
    """(batch, heads, tokens, ...) to (batch, tokens, heads, ...)."""
    return [tensor.transpose(1, 2) for tensor in tensors]


def assert_near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found.double(), expected.double(), rtol=tolerance, atol=tolerance)


def test_min_gru_equals_that_in_log_space() -> None:
    known = public("lucidrains+minGRU-pytorch/minGRU_pytorch/minGRU.py", "heinsen_associative_scan_log", "log_g")
    mixer, x = MinGRU(width=8, tokens=TOKENS).double(), random(BATCH, TOKENS, 8)
    gate, hidden = mixer.gates(x).chunk(2, dim=-1)
    expected = known["heinsen_associative_scan_log"](-F.softplus(gate), known["log_g"](hidden) - F.softplus(-gate))
    assert_near(mixer(x), expected, 1e-10)


def test_retention_equals_that_of_flash_linear_attention() -> None:
    naive = public(f"{FLA}/retention/naive.py", "naive_retention")["naive_retention"]
    q, k, v = (random(BATCH, HEADS, TOKENS, 8) for _ in range(3))
    a = torch.log1p(-(2.0 ** (-5 - torch.arange(HEADS, dtype=torch.float64)))).view(1, -1, 1).expand(1, HEADS, TOKENS)
    assert_near(decayed_sums(q / math.sqrt(8), k, v, a)[0], naive(q, k, v))


def test_sums_with_decays_equal_those_of_flash_linear_attention() -> None:
    naive = public(f"{FLA}/simple_gla/naive.py", "naive_recurrent_simple_gla")["naive_recurrent_simple_gla"]
    q, k, v = (random(BATCH, HEADS, TOKENS, channels) for channels in (4, 4, 8))
    a = F.logsigmoid(3 * random(BATCH, HEADS, TOKENS))
    expected, state = naive(*by_token(q, k, v, a))
    found, last = decayed_sums(q / math.sqrt(4), k, v, a, last=True)
    assert last is not None
    assert_near(found, expected.transpose(1, 2))
    assert_near(last, state)


def test_gated_linear_attention_equals_that_of_flash_linear_attention() -> None:
    naive = public(f"{FLA}/gla/naive.py", "naive_recurrent_gla")["naive_recurrent_gla"]
    q, k, v, a = (random(BATCH, HEADS, TOKENS, channels) for channels in (4, 4, 8, 4))
    a = F.logsigmoid(5 * a)
    expected, state = naive(*by_token(q, k, v, a), output_final_state=True)
    found, last = gated_sums(q / math.sqrt(4), k, v, a, last=True)
    assert last is not None
    assert_near(found, expected.transpose(1, 2))
    assert_near(last, state)


def test_the_sums_of_mamba2_equal_those_of_its_authors() -> None:
    minimal = public("state-spaces+mamba/mamba_ssm/modules/ssd_minimal.py", "segsum", "ssd_minimal_discrete")
    values, a = random(BATCH, HEADS, TOKENS, 8), -random(BATCH, HEADS, TOKENS).abs()
    b, c = random(BATCH, 1, TOKENS, 4), random(BATCH, 1, TOKENS, 4)
    shared = (x.expand(-1, HEADS, -1, -1) for x in (b, c))
    expected, state = minimal["ssd_minimal_discrete"](*by_token(values, a, *shared), block_len=32)
    found, last = decayed_sums(c, b, values, a, last=True)
    assert last is not None
    assert_near(found, expected.transpose(1, 2), 1e-10)
    assert_near(last, state.transpose(2, 3), 1e-10)


def test_mlstm_equals_that_of_its_authors() -> None:
    file = "NX-AI+xlstm/xlstm/blocks/mlstm/backends.py"
    parallel = public(file, "parallel_stabilized_simple")["parallel_stabilized_simple"]
    mixer, x = MLSTM(width=12, tokens=TOKENS, heads=HEADS).double(), random(BATCH, TOKENS, 12)
    torch.nn.init.normal_(mixer.gates.weight)
    q, k, v, o, i, _ = mixer._split(x)
    forget = mixer.gates(x)[..., HEADS:].transpose(1, 2)
    h = parallel(q, k * math.sqrt(k.shape[-1]), v, i.unsqueeze(-1), forget.unsqueeze(-1))
    assert_near(mixer(x), mixer._joined(h, o))  # they add 10⁻⁶ to the denominator
