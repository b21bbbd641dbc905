from __future__ import annotations

import pytest
import torch
from mixer_cases import further_cases, named, own_and_causal, random_mixer
from sample_cells import cell
from torch import Tensor, nn

from mixbench.mixers import MIXERS, find_mixer
from mixbench.mixers.choice import choose_mixer
from mixbench.mixers.gmlp import GMLP
from mixbench.mixers.references import reference_of
from mixbench.studies.contract_jobs import contract_job
from mixbench.worker import speed as worker
from mixbench.worker.measure.flops import count_flops
from mixbench.worker.measure.once import find
from mixbench.worker.measure.verify import verify_job

pytestmark = pytest.mark.usefixtures("in_float64")

CASES = [
    *((name, given, tokens, 8) for name in MIXERS for given in own_and_causal(name) for tokens in (4, 7)),
    *further_cases(),
]
IDS = [named(case) for case in CASES]

each_case = pytest.mark.parametrize(("name", "given", "tokens", "width"), CASES, ids=IDS)
each_padded_case = pytest.mark.parametrize(
    ("name", "given", "tokens", "width"), [case for case in CASES if MIXERS[case[0]].honours_mask and case[2] > 2]
)
each_mixer = pytest.mark.parametrize("name", MIXERS)


def build(name: str, given: dict[str, str], tokens: int, width: int) -> nn.Module:
    return random_mixer((name, given, tokens, width))


def closed_forms_of(name: str, given: dict[str, str], tokens: int, width: int, batch: int = 2) -> dict[str, int]:
    entry = find_mixer(name)
    return entry.closed_forms(entry.config(given), tokens, width, batch=batch)


def gradients(y: Tensor, weights: Tensor, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(y, wanted, weights)


def assert_same(first: Tensor, second: Tensor) -> None:
    assert (first - second).abs().max() <= 1e-10 * (1 + second.abs().max())


@each_case
def test_a_mixer_equals_its_slow_reference_forward_and_gradient(
    name: str, given: dict[str, str], tokens: int, width: int
) -> None:
    mixer, entry = build(name, given, tokens, width), find_mixer(name)
    options = entry.arguments(entry.config(given), tokens, width)
    x = torch.randn(2, tokens, width, requires_grad=True)
    weights = torch.randn(2, tokens, width)
    named, buffers = dict(mixer.named_parameters()), dict(mixer.named_buffers())
    result = mixer(x)
    expected = torch.stack([reference_of(name)({**buffers, **named}, sequence, **options) for sequence in x])
    assert_same(result, expected)
    wanted = [x, *named.values()]
    for got, want in zip(gradients(result, weights, wanted), gradients(expected, weights, wanted), strict=True):
        assert_same(got, want)


@each_padded_case
def test_padding_changes_nothing_for_real_tokens_and_no_gradient(
    name: str, given: dict[str, str], tokens: int, width: int
) -> None:
    mixer = build(name, given, tokens, width)
    parameters, real = list(mixer.parameters()), tokens - 2
    short, long = torch.randn(real, width, requires_grad=True), torch.randn(tokens, width, requires_grad=True)
    weights = torch.randn(2, tokens, width)
    mask = torch.ones(2, tokens, dtype=torch.bool)
    mask[0, real:] = False
    x = torch.stack((torch.cat((short, torch.full((2, width), torch.nan))), long))

    together = mixer(x, mask)[mask]
    apart = torch.cat((mixer(short.unsqueeze(0))[0], mixer(long.unsqueeze(0))[0]))
    assert_same(together, apart)
    wanted = [short, long, *parameters]
    both = (gradients(result, weights[mask], wanted) for result in (together, apart))
    for padded, unpadded in zip(*both, strict=True):
        assert_same(padded, unpadded)


@each_padded_case
def test_a_sequence_of_padding_alone_gives_finite_numbers_and_changes_no_gradient(
    name: str, given: dict[str, str], tokens: int, width: int
) -> None:
    mixer = build(name, given, tokens, width)
    x = torch.randn(2, tokens, width, requires_grad=True)
    mask = torch.tensor([True, False]).unsqueeze(1).expand(2, tokens)
    y = mixer(x, mask)
    assert y.isfinite().all()
    wanted = [x, *mixer.parameters()]
    padded = gradients(y[:1], torch.ones_like(y[:1]), wanted)
    alone = gradients(mixer(x[:1]), torch.ones_like(y[:1]), wanted)
    for with_padding, without in zip(padded, alone, strict=True):
        assert_same(with_padding, without)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "given"), [(name, given) for name in MIXERS for given in own_and_causal(name)])
def test_inputs_100_times_as_large_give_finite_outputs_and_gradients(
    name: str, given: dict[str, str], dtype: torch.dtype
) -> None:
    mixer = build(name, given, 65, 32).to(dtype)
    x = (100 * torch.randn(2, 65, 32)).to(dtype).requires_grad_()
    y = mixer(x)
    assert y.isfinite().all()
    for gradient in torch.autograd.grad(y.float().square().mean(), [x, *mixer.parameters()]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", [name for name, entry in MIXERS.items() if entry.honours_mask])
def test_padding_changes_nothing_where_inputs_are_large(name: str) -> None:
    mixer = build(name, {}, 9, 32).float()
    x = 100 * torch.randn(1, 9, 32, dtype=torch.float32)
    with torch.no_grad():
        alone = mixer(x[:, :6])
        padded = mixer(x, torch.arange(9).unsqueeze(0) < 6)[:, :6]
    torch.testing.assert_close(padded, alone, rtol=1e-3, atol=1e-5 * float(alone.abs().max()))


@each_case
def test_parameters_equal_the_closed_form(name: str, given: dict[str, str], tokens: int, width: int) -> None:
    params = sum(parameter.numel() for parameter in build(name, given, tokens, width).parameters())
    assert params == closed_forms_of(name, given, tokens, width)["params"]


@pytest.mark.parametrize("mode", ["inference", "training"])
@each_case
def test_counted_flops_equal_the_closed_form(name: str, given: dict[str, str], tokens: int, width: int, mode: str) -> None:
    batch = 3
    counted = count_flops(
        lambda: build(name, given, tokens, width),
        lambda: torch.randn(batch, tokens, width),
        mode=mode,
        tokens=tokens,
        batch=batch,
    )
    expected = closed_forms_of(name, given, tokens, width, batch)[mode]
    assert (counted.flops, counted.hiding, counted.reason) == (expected, (), "")


@each_mixer
def test_a_mixer_keeps_the_contract(name: str) -> None:
    torch.set_default_dtype(torch.float32)
    tokens, width = 13, 8
    chosen, entry = choose_mixer(name), find_mixer(name)
    checks = verify_job({"mixers": [contract_job(chosen, tokens=tokens, width=width, device="cpu", longer=tokens)]})[name]
    skipped = {check["name"] for check in checks if check["outcome"] == "skip"}
    assert [check for check in checks if check["outcome"] == "fail"] == []
    wanted = {
        "declares the FLOPs that it runs": False,
        "honours a mask": entry.honours_mask,
        "takes other lengths": entry.any_length,
        "is causal": entry.causality != "no",
        "steps equal forward": bool(entry.state),
    }
    assert skipped - {"continues after a prefill"} == {check for check, applies in wanted.items() if not applies}


@each_mixer
def test_a_mixer_runs_at_another_length_or_says_why_not(name: str) -> None:
    mixer = build(name, {}, 6, 8)
    assert mixer(torch.randn(2, 4, 8)).shape == (2, 4, 8)
    if find_mixer(name).any_length:
        assert mixer(torch.randn(2, 9, 8)).shape == (2, 9, 8)
    else:
        with pytest.raises(ValueError, match=f"9 tokens, but this {name} was built for at most 6"):
            mixer(torch.randn(2, 9, 8))


@pytest.mark.parametrize("name", ["mlp-mixer", "gmlp"])
def test_a_shorter_sequence_equals_padding_with_zeros(name: str) -> None:
    mixer = build(name, {}, 6, 8)
    x = torch.zeros(1, 6, 8)
    x[:, :4] = torch.randn(1, 4, 8)
    mask = torch.arange(6).unsqueeze(0) < 4
    assert_same(mixer(x[:, :4]), mixer(x, mask)[:, :4])


@each_mixer
def test_a_mixer_can_be_compiled_as_one_graph_if_it_is_traceable(name: str) -> None:
    mixer = build(name, {}, 6, 8)
    x = torch.randn(2, 6, 8)
    whole = find_mixer(name).traceable
    if not whole:
        with pytest.raises(torch._dynamo.exc.Unsupported):
            torch.compile(mixer, backend="eager", fullgraph=True)(x)
    assert_same(torch.compile(mixer, backend="eager", fullgraph=whole)(x), mixer(x))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@each_mixer
def test_a_mixer_allows_transforms_of_functions(name: str) -> None:
    mixer = build(name, {}, 5, 8)
    x = torch.randn(3, 5, 8)
    mapped = torch.func.vmap(lambda sequence: mixer(sequence.unsqueeze(0)).squeeze(0))
    if find_mixer(name).traceable:
        assert_same(mapped(x), mixer(x))
    else:
        with pytest.raises(RuntimeError, match="Batching rule not implemented"):
            mapped(x)
    assert torch.func.jacrev(lambda sequence: mixer(sequence.unsqueeze(0)))(x[0]).shape == (1, 5, 8, 5, 8)


@pytest.mark.parametrize(
    ("name", "dtype", "variant"),
    [
        ("mlp-mixer", "float32", "hidden=3"),
        ("gmlp", "float32", "hidden=32"),
        ("hypermixer", "float32", "grouping=as-written"),
        ("fnet", "float32", ""),
        ("fnet", "bfloat16", "transform=float32"),
        ("fnet", "float16", "transform=float32"),
        *[(name, "bfloat16", "transform=float32") for name in ("gfnet", "hyena", "long-conv", "s4d")],
        ("delta-net", "bfloat16", "rule=float32"),
    ],
)
def test_a_mixer_says_what_runs(name: str, dtype: str, variant: str) -> None:
    torch.set_default_dtype(torch.float32)
    worker.pin(1)
    assert find(cell(name, dtype=dtype), {})["variant"] == variant


def test_the_gate_of_gmlp_starts_open() -> None:
    gate = GMLP(width=8, tokens=6).gate
    assert gate.weight.abs().max() < 1e-3
    assert torch.equal(gate.bias, torch.ones(6))
