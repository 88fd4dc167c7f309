"""Narrow weights: what they multiply to, what a record says of them, what is refused."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import low_precision, zoo  # noqa: E402 torch may be absent
from modelworth.bench.models.low_precision import (  # noqa: E402
    Float8,
    Int4,
    Int8,
    TrainedFloat8,
    lower_weights,
)
from modelworth.bench.run.request import Request  # noqa: E402
from modelworth.bench.timing import ceilings, machine  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402

NARROW = {"int8": Int8, "int4": Int4}


def layer(rows=48, width=256, dtype=torch.bfloat16):
    torch.manual_seed(0)
    return torch.nn.Linear(width, rows).to(dtype)


def test_int8_is_the_product_with_weights_rounded_to_255_steps_a_row():
    exact, given = layer(), torch.randn(3, 5, 256, dtype=torch.bfloat16)
    weight = exact.weight.float()
    step = weight.abs().amax(1, keepdim=True) / 127
    rounded = torch.clamp(torch.round(weight / step), -127, 127) * step
    expected = given.float() @ rounded.T + exact.bias.float()
    found = Int8(exact.weight, exact.bias)(given).float()
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert (rounded - weight).abs().max() <= step.max() / 2 + 1e-6


def test_int4_is_the_product_with_weights_rounded_to_sixteen_steps_a_group():
    exact, given = layer(), torch.randn(3, 5, 256, dtype=torch.bfloat16)
    parts = exact.weight.float().view(48, 2, 128)
    low, high = parts.amin(-1, keepdim=True), parts.amax(-1, keepdim=True)
    step = (high - low) / 15
    rounded = (torch.round((parts - low) / step) * step + low).view(48, 256)
    expected = given.float() @ rounded.T + exact.bias.float()
    found = Int4(exact.weight, exact.bias)(given).float()
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.03)
    assert ((rounded - exact.weight.float()).view(48, 2, 128).abs() <= step / 2 + 1e-6).all()


def test_fp8_is_the_product_of_rows_that_fill_the_format():
    exact, given = layer(), 100 * torch.randn(5, 256, dtype=torch.bfloat16)

    def rounded(rows):
        scale = rows.float().abs().amax(-1, keepdim=True) / 448
        return (rows.float() / scale).to(torch.float8_e4m3fn).float() * scale

    expected = rounded(given) @ rounded(exact.weight).T + exact.bias.float()
    found = Float8(exact.weight, exact.bias)(given).float()
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_training_in_fp8_has_the_gradients_of_the_exact_product_within_the_format():
    exact = layer(dtype=torch.float32)
    given = torch.randn(64, 256, requires_grad=True)
    change = torch.randn(64, 48)
    leaves = (given, exact.weight, exact.bias)
    plain = exact(given)
    expected = torch.autograd.grad(plain, leaves, change)
    found = TrainedFloat8(exact)(given)
    gradients = torch.autograd.grad(found, leaves, change.to(found.dtype))
    for one, other in zip((found, *gradients), (plain, *expected), strict=True):
        assert (one.float() - other).norm() < 0.08 * other.norm()
    assert [one.dtype for one in gradients] == [torch.float32] * 3


@pytest.mark.parametrize(("precision", "furthest"), [("int8", 0.03), ("int4", 0.35)])
def test_logits_stay_near_those_of_float32(precision, furthest):
    blueprint = zoo.resolve("ladder-1m")
    ids = torch.randint(10, 100, (2, 32))
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        model = zoo.build(blueprint, "cpu", dtype)
        if dtype is torch.bfloat16:
            lower_weights(model, precision)
        with torch.inference_mode():
            found.append(model(input_ids=ids).logits.float())
    assert (found[1] - found[0]).norm() < furthest * found[0].norm()


@pytest.mark.parametrize("name", ["ladder-1m", "gpt-1m"])
def test_a_record_holds_less_memory_and_says_so(name):
    seen = {}
    for precision in ("bfloat16", "int8", "int4"):
        workload = Workload(kind="decode", batch=1, prompt_tokens=8, precision=precision)
        work = prepare(Task(model=name, workload=workload), "cpu")
        work.reset()
        work.step()
        seen[precision] = work
    plain, eight, four = seen["bfloat16"], seen["int8"], seen["int4"]
    assert (plain.weight_bits, plain.quantization) == (None, None)
    assert (eight.quantization, four.quantization) == tuple(
        low_precision.STORED[one] for one in ("int8", "int4")
    )
    read = plain.bytes_per_step - plain.cache_bytes
    for work in (eight, four):
        assert work.bytes_per_step - work.cache_bytes == pytest.approx(read * work.weight_bits / 16)
    assert 8 < eight.weight_bits < 16
    assert 4.25 < four.weight_bits < eight.weight_bits
    assert plain.weights_bytes > eight.weights_bytes > four.weights_bytes
    assert plain.predicted_bytes > eight.predicted_bytes > four.predicted_bytes


def test_layers_whose_widths_no_kernel_takes_stay_as_they_are():
    shape = {"model_type": "llama", "vocab_size": 64, "num_hidden_layers": 1, "hidden_size": 24}
    config = {**shape, "num_attention_heads": 2, "intermediate_size": 40}
    model = zoo.build(zoo.resolve("odd", config=config), "cpu", torch.bfloat16)
    with pytest.raises(InputError, match="multiples of 16"):
        lower_weights(model, "int8")


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ({"precision": "fp8"}, "int8, int4 or bf16"),
        ({"precision": "int8", "work": "pretrain"}, "bf16, fp16 or fp32"),
        ({"precision": "fp8", "work": "pretrain"}, "capability 8.9"),
        ({"precision": "int4", "work": "forward"}, "prefill, decode, generate"),
        ({"precision": "int8", "model": "moe-2m"}, "experts"),
        ({"precision": "int8", "model": "t5-1m"}, "of a decoder"),
        ({"precision": "int8", "tensor_parallel": 2}, "one device"),
        ({"precision": "fp4"}, "int4"),
    ],
)
def test_what_a_processor_or_a_model_cannot_do_is_refused_at_once(asked, allowed, monkeypatch):
    monkeypatch.setattr(zoo, "build", lambda *_, **__: pytest.fail("nothing may be built"))
    with pytest.raises((InputError, ValueError), match=allowed):
        Request(**{"model": "ladder-1m", "work": "decode", **asked}).case("cpu")


@pytest.mark.parametrize(
    ("capability", "precision", "work", "allowed"),
    [
        ((7, 5), "int4", "decode", "int8 or bf16"),
        ((8, 0), "fp8", "decode", "int8, int4 or bf16"),
        ((8, 0), "fp8", "pretrain", "capability 8.9"),
        ((8, 0), "int4", "decode", None),
        ((9, 0), "fp8", "decode", None),
        ((9, 0), "fp8", "pretrain", None),
        (None, "fp8", "decode", None),
    ],
)
def test_a_gpu_is_asked_for_what_its_capability_has(
    capability, precision, work, allowed, monkeypatch
):
    found = machine.Gpu("Some GPU", (), 2**36, "1", None, capability)
    monkeypatch.setattr("modelworth.bench.run.request.gpu", lambda: found)
    request = Request(model="ladder-1m", work=work, precision=precision)
    if allowed is None:
        assert request.case("cuda").workload.precision == precision
        return
    with pytest.raises(InputError, match=allowed):
        request.case("cuda")


def test_the_ceiling_of_fp8_is_that_of_fp8_products():
    left, right = (torch.eye(32).to(torch.float8_e4m3fn) for _ in range(2))
    assert torch.equal(ceilings._multiplier(left, right)().float(), torch.eye(32))
    wide = torch.eye(32)
    assert torch.equal(ceilings._multiplier(wide, wide)(), wide)
