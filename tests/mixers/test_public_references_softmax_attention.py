"""Softmax attention and S4D against torch's own and public implementations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from public_references import public
from torch import Tensor, nn

from mixbench.mixers.attention import Attention
from mixbench.mixers.differential_attention import LAMBDA, DifferentialAttention
from mixbench.mixers.latent_attention import LatentAttention
from mixbench.mixers.s4d import S4D
from mixbench.mixers.sliding_window import SlidingWindow

pytestmark = pytest.mark.usefixtures("in_float64")

TOKENS, WIDTH, HEADS = 50, 24, 3


def assert_same(first: Tensor, second: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(first, second, rtol=tolerance, atol=tolerance)


def tokens() -> Tensor:
    return torch.randn(2, TOKENS, WIDTH)


def load(layer: nn.Module, **weights: Tensor) -> None:
    """Give a layer weights by name, with _ for dots; what is not named, biases, becomes 0."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(weights.pop(name.replace(".", "_"), torch.zeros(())))
    assert not weights


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_that_of_torch(causal: bool) -> None:
    ours = Attention(width=WIDTH, tokens=TOKENS, heads=HEADS, causal=causal)
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    theirs.load_state_dict(
        {f"in_proj_{kind}": value for kind, value in ours.qkv.state_dict().items()}
        | {f"out_proj.{kind}": value for kind, value in ours.out.state_dict().items()}
    )
    x, later = tokens(), torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
    assert_same(ours(x), theirs(x, x, x, attn_mask=later if causal else None)[0])


@pytest.mark.parametrize("window", [None, 1, 9])
def test_grouped_and_windowed_attention_equal_those_of_flash_linear_attention(window: int | None) -> None:
    theirs = public("fla-org+flash-linear-attention/fla/ops/attn/naive.py", "naive_parallel_attn")["naive_parallel_attn"]
    ours: Attention | SlidingWindow
    if window is None:
        ours = Attention(width=WIDTH, tokens=TOKENS, heads=6, kv_heads=2, causal=True)
    else:
        ours = SlidingWindow(width=WIDTH, tokens=TOKENS, window=window, heads=HEADS, causal=True)
    x = tokens()
    q, k, v = (each.transpose(1, 2) for each in ours.split(x))
    mixed, _ = theirs(q, k, v, window_size=window and window + 1)
    assert_same(ours(x), ours.join(mixed.transpose(1, 2)))


def test_differential_attention_equals_that_of_its_authors() -> None:
    known = public("microsoft+unilm/Diff-Transformer/multihead_diffattn.py", "MultiheadDiffAttn", "lambda_init_fn", "repeat_kv")
    known |= {"RMSNorm": nn.RMSNorm, "apply_rotary_emb": lambda x, *_, **__: x}
    theirs = known["MultiheadDiffAttn"](WIDTH, 0, HEADS).double()
    theirs.lambda_init = LAMBDA
    nn.init.uniform_(theirs.subln.weight)
    p = dict(theirs.named_parameters())
    ours = DifferentialAttention(width=WIDTH, tokens=TOKENS, heads=HEADS, causal=True)
    load(
        ours,
        qkv_weight=torch.cat([p[f"{name}_proj.weight"] for name in "qkv"]),
        out_weight=p["out_proj.weight"],
        norm_weight=p["subln.weight"],
        lambdas=torch.stack([p[f"lambda_{name}"] for name in ("q1", "k1", "q2", "k2")]),
    )
    x = tokens()
    assert_same(ours(x), theirs(x, ()), 1e-5)  # its softmax is in float32


class Plain(nn.Linear):
    scale = None

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)


def test_latent_attention_and_its_steps_equal_those_of_deepseek_without_rotary_keys() -> None:
    known = public("deepseek-ai+DeepSeek-V3/inference/model.py", "MLA", "RMSNorm", "apply_rotary_emb")
    known |= dict.fromkeys(("Linear", "ColumnParallelLinear", "RowParallelLinear"), Plain)
    known |= {"world_size": 1, "attn_impl": "absorb"}
    channels, latent, rotary = WIDTH // HEADS, 7, 2
    sizes = {"dim": WIDTH, "n_heads": HEADS, "q_lora_rank": 0, "kv_lora_rank": latent, "qk_nope_head_dim": channels}
    sizes |= {"qk_rope_head_dim": rotary, "v_head_dim": channels, "max_batch_size": 2}
    theirs = known["MLA"](SimpleNamespace(**sizes, max_seq_len=TOKENS, original_seq_len=TOKENS))
    theirs.softmax_scale = channels**-0.5
    q, down, up = theirs.wq.weight, theirs.wkv_a.weight, theirs.wkv_b.weight
    with torch.no_grad():
        theirs.kv_norm.weight.uniform_()
        down[latent:] = 0  # the rotary keys
    ours = LatentAttention(width=WIDTH, tokens=TOKENS, latent=latent, heads=HEADS, causal=True)
    load(
        ours,
        down_weight=torch.cat((q.unflatten(0, (HEADS, -1))[:, :channels].flatten(0, 1), down[:latent])),
        norm_weight=theirs.kv_norm.weight,
        up_weight=up.unflatten(0, (HEADS, 2, channels)).transpose(0, 1).flatten(0, 2),
        out_weight=theirs.wo.weight,
    )
    x, turns = tokens(), torch.ones(TOKENS, rotary // 2, dtype=torch.complex64)
    later = torch.full((TOKENS, TOKENS), -torch.inf).triu(1)
    with torch.no_grad():
        expected = theirs(x, 0, turns, later)
        assert_same(ours(x), expected, 1e-5)  # its softmax is in float32
        _, state = ours.prefill(x[:, :-1])
        assert_same(state.tensors()[0].squeeze(1), theirs.kv_cache[:, :-1], 1e-5)
        assert_same(ours.step(x[:, -1], state)[0], expected[:, -1], 1e-5)


def test_s4d_equals_that_of_its_authors() -> None:
    known = public("state-spaces+s4/models/s4/s4d.py", "S4DKernel", "S4D")
    known["DropoutNd"] = nn.Dropout  # named, not used
    theirs = known["S4D"](WIDTH, d_state=6, transposed=False)
    p = dict(theirs.double().named_parameters())
    ours = S4D(width=WIDTH, tokens=TOKENS, state=6)
    assert_same(ours.frequency, p["kernel.A_imag"], 1e-6)
    assert_same(ours.log_decay, p["kernel.log_A_real"])
    load(
        ours,
        log_step=p["kernel.log_dt"],
        log_decay=p["kernel.log_A_real"],
        frequency=p["kernel.A_imag"],
        read=p["kernel.C"],
        skip=p["D"],
        out_weight=p["output_linear.0.weight"].squeeze(2),
        out_bias=p["output_linear.0.bias"],
    )
    x = tokens()
    assert_same(ours(x), theirs(x)[0])
