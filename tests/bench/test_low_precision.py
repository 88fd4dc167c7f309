"""Narrow weights: what they multiply to, what a record says of them, what is refused."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import low_precision, narrow_limits, zoo  # noqa: E402 torch may be absent
from modelworth.bench.models.low_precision import (  # noqa: E402
    Float8,
    Int4,
    Int8,
    TrainedFloat8,
    lower_weights,
)
from modelworth.bench.run.request import Request  # noqa: E402
from modelworth.bench.timing import ceilings, machine  # noqa: E402
from modelworth.bench.work.infer import answer  # noqa: E402
from modelworth.bench.work.inputs import Asked, forward_batch, in_format, options  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.more_families import SEEING  # noqa: E402
from tests.bench.test_fused import JOINED  # noqa: E402
from tests.bench.tiny import CONFIGS  # noqa: E402

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


def require_fp8_rows():
    """A processor's fp8 product with a scale a row, which PyTorch 2.11 has on GPUs alone."""
    if torch.__version__ < "2.12":
        pytest.skip("PyTorch 2.11 has no fp8 product with a scale a row on a processor")


def test_fp8_is_the_product_of_rows_that_fill_the_format():
    require_fp8_rows()
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
    torch.manual_seed(0)
    model = zoo.build(blueprint, "cpu", torch.float32)
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        lower_weights(model.to(torch.bfloat16), precision)
        found = model(input_ids=ids).logits.float()
    assert (found - expected).norm() < furthest * expected.norm()


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
        ({"precision": "fp8", "work": "pretrain", "model": "moe-2m"}, "a dense decoder"),
        ({"precision": "fp8", "work": "pretrain", "model": "vit-1m"}, "a dense decoder"),
        ({"precision": "int8", "tensor_parallel": 2}, "on each device"),
        ({"precision": "int4", "data_parallel": 2, "fully_sharded": True}, "on each device"),
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
        ((8, 0), "int8", "decode", None),
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


def by_hand(weight, precision):
    """What a narrow format keeps of a weight, a row or a group of it at a time."""
    weight = weight.float()
    if precision == "int8":
        step = weight.abs().amax(-1, keepdim=True) / 127
        return torch.round(weight / step) * step
    if precision == "fp8":
        scale = weight.abs().amax(-1, keepdim=True) / 448
        return (weight / scale).to(torch.float8_e4m3fn).float() * scale
    group = next(size for size in (128, 64, 32) if weight.shape[-1] % size == 0)
    parts = weight.unflatten(-1, (-1, group))
    low = parts.amin(-1, keepdim=True)
    step = (parts.amax(-1, keepdim=True) - low) / 15
    return (torch.round((parts - low) / step) * step + low).flatten(-2)


def rounded_by_hand(model, precision):
    """The model with what a narrow format keeps of its products' weights."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    for module in model.modules():
        if type(module) in (torch.nn.Linear, Conv1D) and module is not head:
            turned = isinstance(module, Conv1D)
            rows = module.weight.data.T if turned else module.weight.data
            if rows.shape[0] % 16 == 0 and rows.shape[1] % 32 == 0:
                kept = by_hand(rows, precision)
                module.weight.data = kept.T if turned else kept
        for name, weight in module.named_parameters(recurse=False):
            if weight.ndim == 3 and name.endswith("_proj"):
                weight.data = by_hand(weight.data, precision)
    return model


MOE = {"qwen3_moe": JOINED["qwen3_moe"], "gpt_oss": JOINED["gpt_oss"]}
WIDE_SWIN = {**SEEING["swin"], "embed_dim": 32}
LOWERED = {
    **CONFIGS, "swin": WIDE_SWIN,
    **{name: {**one, "model_type": name} for name, one in MOE.items()},
}  # fmt: skip
ROUTED = [(name, 1) for name in ("mixtral", *MOE)]


@pytest.mark.parametrize("precision", ["int8", "int4", "fp8"])
@pytest.mark.parametrize(("name", "tokens"), [*((name, 8) for name in LOWERED), *ROUTED])
def test_every_family_says_what_its_rounded_weights_say(name, precision, tokens):
    """One token reads the experts that it is routed to, eight read all."""
    if precision == "fp8":
        require_fp8_rows()
    blueprint = zoo.resolve(name, config=LOWERED[name])
    torch.manual_seed(0)
    attention = zoo.usual_attention(blueprint)
    narrow, exact = (
        zoo.build(blueprint, "cpu", dtype, attention) for dtype in (torch.bfloat16, torch.float32)
    )
    exact.load_state_dict(narrow.state_dict())
    workload = Workload(kind="forward", batch=1, prompt_tokens=tokens, precision="bfloat16")
    batch = forward_batch(Asked(blueprint, narrow.config, workload, torch.device("cpu")))
    given = in_format(batch, torch.bfloat16)
    choices = options(blueprint, narrow.config, batch)
    bits = lower_weights(narrow, precision)
    with torch.inference_mode():
        found = answer(narrow(**given, **choices))[0].float()
        expected = answer(rounded_by_hand(exact, precision)(**in_format(given, torch.float32)))[0]
    furthest = 0.12 if precision == "fp8" else 0.04  # fp8 rounds inputs, too
    assert (found - expected).norm() < furthest * expected.norm()
    assert bits < 16


class Factors(torch.utils._python_dispatch.TorchDispatchMode):
    """The number formats of each fp8 product's factors."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "_scaled_mm" in str(func):
            self.seen.add((args[0].dtype, args[1].dtype))
        return func(*args, **(kwargs or {}))


def losses(precision, steps=60):
    """Of a small decoder that learns 50 tokens by heart, and the formats of its fp8 products."""
    config = {**CONFIGS["llama"], "hidden_size": 64, "intermediate_size": 128}
    workload = Workload(kind="pretrain", batch=2, prompt_tokens=25, precision=precision)
    step = prepare(Task(model="llama", config=config, workload=workload), "cpu").step
    for group in step.optimizer.param_groups:
        group["lr"] = 3e-3
    found = []
    with Factors() as factors:
        for _ in range(steps):
            step()
            found.append(step.loss.item())
    return torch.tensor(found), factors.seen


@pytest.mark.slow
def test_training_in_fp8_learns_as_in_float32(monkeypatch):
    """Simulated: a processor's `_scaled_mm` rounds as a GPU's, though it isn't faster."""
    monkeypatch.setattr(narrow_limits, "_has", lambda *_: True)
    exact, none = losses("float32")
    found, formats = losses("fp8")
    forward, backward = torch.float8_e4m3fn, torch.float8_e5m2
    assert (none, formats) == (set(), {(forward, forward), (backward, forward)})
    assert exact[-1] < 0.01 * exact[0]
    assert not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0.05, atol=0.005)
