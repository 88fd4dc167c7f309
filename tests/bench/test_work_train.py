"""Training steps learn, and what changes their speed doesn't change their gradients."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from modelworth.bench.models import zoo  # noqa: E402 torch may be absent
from modelworth.bench.run.sweep import expanded  # noqa: E402
from modelworth.bench.timing import ceilings  # noqa: E402
from modelworth.bench.work.losses import detection_loss, overlap  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.tiny import CONFIGS, TEXT  # noqa: E402

CPU = torch.device("cpu")
TOKENS = 16


def work(name, kind="pretrain", **choices):
    """Work of a tiny config, its length filled in where it has one."""
    length = {"prompt_tokens": TOKENS} if name in TEXT else {}
    asked = {"precision": "float32", "batch": 2, **length, **choices}
    workload = Workload(kind=kind, **asked)
    return prepare(Task(model=name, config=CONFIGS[name], workload=workload), "cpu")


def gradients(prepared):
    prepared.step.accumulate()
    named = prepared.step.model.named_parameters()
    return {name: weight.grad for name, weight in named if weight.grad is not None}


@pytest.mark.parametrize("model", CONFIGS)
def test_a_repeated_batch_is_learned(model):
    step = work(model).step
    for group in step.optimizer.param_groups:
        group["lr"] = 1e-3
    step()
    first = step.loss.item()
    for _ in range(4):
        step()
    assert step.loss.item() < first


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_phases_of_a_step_are_the_step(accumulated):
    """Two steps by their phases leave the weights and the loss that two whole ones leave."""
    whole, cut = (work("llama", gradient_accumulation=accumulated) for _ in range(2))
    assert [name for name, _ in cut.phases][-1] == "optimizer"
    for _ in range(2):
        whole.step()
        for _, phase in cut.phases:
            phase()
    assert cut.step.loss.item() == whole.step.loss.item()
    pairs = zip(whole.step.model.parameters(), cut.step.model.parameters(), strict=True)
    assert all(one.equal(other) for one, other in pairs)


@pytest.mark.parametrize("model", CONFIGS)
def test_adapters_learn_and_nothing_else_does(model):
    step = work(model, "finetune_lora", lora_rank=4).step
    before = {name: weight.clone() for name, weight in step.model.named_parameters()}
    step()
    step()
    for name, weight in step.model.named_parameters():
        assert weight.requires_grad == ("lora_" in name)
        if "lora_" not in name:
            assert torch.equal(weight, before[name])
    moved = [name for name, now in step.model.named_parameters() if not now.equal(before[name])]
    assert moved


def test_adapters_are_float32_over_frozen_bfloat16():
    prepared = work("gpt2", "finetune_lora", precision="bfloat16")
    kinds = {weight.requires_grad: weight.dtype for weight in prepared.step.model.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    prepared.step()
    assert prepared.step.loss.isfinite()


def test_master_weights_stay_float32_in_bfloat16_training():
    prepared = work("llama", precision="bfloat16")
    assert {weight.dtype for weight in prepared.step.model.parameters()} == {torch.float32}
    whole = work("llama")
    prepared.step.accumulate()
    whole.step.accumulate()
    assert prepared.step.loss.item() == pytest.approx(whole.step.loss.item(), rel=1e-2)


def test_accumulated_gradients_are_those_of_one_large_batch():
    parts = work("llama", batch=2, gradient_accumulation=3)
    whole = work("llama", batch=6)
    together = torch.cat([batch["input_ids"] for batch in parts.step._batches])
    for value in whole.step._batches[0].values():
        value.copy_(together)
    expected = gradients(whole)
    for name, gradient in gradients(parts).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)
    assert parts.work_per_step == whole.work_per_step == 6 * 16
    assert parts.model_flops_per_step == whole.model_flops_per_step


@pytest.mark.parametrize("model", ["llama", "gpt2", "mixtral", "t5", "vit"])
def test_checkpointing_leaves_gradients_as_they_are(model):
    plain = gradients(work(model))
    spared = gradients(work(model, activation_checkpointing=True))
    assert plain.keys() == spared.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(gradient, spared[name])


def test_checkpointing_is_expected_to_need_less_memory():
    plain = work("llama", prompt_tokens=256)
    spared = work("llama", prompt_tokens=256, activation_checkpointing=True)
    assert spared.predicted_bytes < plain.predicted_bytes


def test_expected_memory_is_what_a_step_takes():
    memory = pytest.importorskip("modelworth.bench.timing.peak_memory")
    prepared = work("llama", prompt_tokens=128)
    prepared.step()
    standing = prepared.weights_bytes + prepared.optimizer_bytes
    taken = memory._peak_and_rest(prepared.step)[0]
    assert prepared.predicted_bytes - standing == pytest.approx(taken, rel=0.01)


def test_parts_of_memory_are_told_apart():
    prepared = work("llama")
    size = 4 * prepared.model.parameters_total
    assert prepared.weights_bytes == prepared.gradients_bytes == size
    assert prepared.optimizer_bytes == 2 * size
    assert prepared.logits_bytes == 2 * TOKENS * 64 * 4
    adapted = work("llama", "finetune_lora", lora_rank=4)
    assert adapted.gradients_bytes == adapted.weights_bytes - size


@pytest.mark.parametrize(
    ("model", "choices", "unit", "done"),
    [
        ("llama", {"prompt_tokens": 32}, "tokens", 64),
        ("t5", {"prompt_tokens": 32}, "tokens", 2 * (32 + 8)),
        ("bert", {"prompt_tokens": 32}, "tokens", 64),
        ("vit", {"image_pixels": 64}, "images", 2),
        ("yolos", {"image_pixels": 64}, "images", 2),
        ("image", {}, "images", 2),
        ("image", {"prompt_tokens": 10}, "tokens", 20),
    ],
)
def test_work_is_counted_in_its_natural_unit(model, choices, unit, done):
    prepared = work(model, **choices)
    assert (prepared.unit, prepared.work_per_step) == (unit, done)


@pytest.mark.parametrize(
    ("choices", "where"),
    [
        ({"prompt_tokens": 5000}, "workload.prompt_tokens"),
        ({"prompt_tokens": None}, "workload.prompt_tokens"),
        ({"precision": "fp8"}, "precision"),
        ({"precision": "int8"}, "precision"),
        ({"optimizer": "sophia"}, "workload.optimizer"),
        ({"compiled": True, "compile_mode": "odd"}, "workload.compile_mode"),
        ({"layout": {"data": 2}}, "workload.layout"),
        ({"layout": {"pipeline": 2}}, "workload.layout.pipeline"),
    ],
)
def test_what_cannot_be_trained_is_refused(choices, where):
    with pytest.raises(InputError) as refused:
        work("llama", **choices)
    assert refused.value.where == where


def test_overlap_of_boxes_is_that_of_the_paper():
    unit = torch.tensor([0.5, 0.5, 1.0, 1.0])
    assert overlap(unit, unit).item() == pytest.approx(1)
    corner = torch.tensor([0.75, 0.75, 0.5, 0.5])  # a quarter of it, inside
    assert overlap(unit, corner).item() == pytest.approx(0.25)
    beside = torch.tensor([2.5, 0.5, 1.0, 1.0])  # no overlap: hull of 3, union of 2
    assert overlap(unit, beside).item() == pytest.approx(-1 / 3)


def test_detection_loss_vanishes_where_everything_is_found():
    boxes = torch.tensor([[[0.25, 0.25, 0.2, 0.2], [0.75, 0.75, 0.2, 0.2]]])
    predicted = torch.cat([boxes, torch.full((1, 3, 4), 0.5)], dim=1)
    classes = torch.tensor([[3, 1]])
    answers = torch.tensor([[3, 1, 4, 4, 4]])
    logits = 50.0 * torch.nn.functional.one_hot(answers, 5).float()
    assert detection_loss(logits, predicted, classes, boxes).item() == pytest.approx(0, abs=1e-5)
    assert detection_loss(-logits, predicted, classes, boxes).item() > 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
def test_a_compiled_step_learns_the_same():
    plain = work("llama")
    fused = work("llama", compiled=True)
    assert (fused.compiled, fused.compile_mode) == (True, "default")
    for _ in range(2):
        plain.step()
        fused.step()
    assert fused.step.loss.item() == pytest.approx(plain.step.loss.item(), rel=1e-4)


def test_the_zoo_is_described_beside_the_work():
    blueprint = zoo.resolve("llama", config=CONFIGS["llama"])
    assert work("llama").model == zoo.describe(blueprint)


class Products(TorchDispatchMode):
    """The number formats that matrix products ran in, and whether a product read on the host."""

    def __init__(self) -> None:
        super().__init__()
        self.formats: set[torch.dtype] = set()
        self.waits = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket._qualified_op_name
        self.waits |= "grouped_mm_fallback" in name  # which asks how many rows each expert has
        outer = name.endswith(("::mm", "::bmm")) and args[0].shape[-1] == 1  # rotary angles
        if name.endswith(("mm", "bmm", "baddbmm")) and not outer:
            self.formats |= {it.dtype for it in args if isinstance(it, torch.Tensor)}
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("compiling", [False, True])
def test_every_product_of_a_mixture_runs_in_the_format_that_the_record_says(monkeypatch, compiling):
    """Compiled, PyTorch groups products of bfloat16 alone; others would wait for the host."""
    asked = {"model": "moe-2m", "work": "pretrain", "precision": "bfloat16", "prompt_tokens": 16}
    work = prepare(expanded({**asked, "compile": False}, "test", "cpu")[0], CPU)
    moe = pytest.importorskip("transformers.integrations.moe")
    monkeypatch.setattr(moe, "is_torchdynamo_compiling", lambda: compiling)
    with Products() as seen:
        work.step()
    assert seen.formats - {torch.int32} == {torch.bfloat16}
    assert not seen.waits


def test_float32_means_float32_in_convolutions_too():
    ceilings.set_matmul_precision("tf32")
    assert torch.backends.cudnn.allow_tf32
    ceilings.set_matmul_precision("float32")
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize(("asked", "fused"), [("adamw", False), ("adamw_fused", True)])
def test_adamw_is_fused_only_where_it_is_said(asked, fused):
    case = expanded({"model": "ladder-1m", "work": "pretrain", "prompt_tokens": 8,
                    "optimizer": asked, "compile": False}, "test", "cpu")[0]  # fmt: skip
    made = []
    real = torch.optim.AdamW
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", lambda *a, **k: made.append(k) or real(*a, **k))
        prepare(case, CPU)
    assert made[0]["fused"] is fused


def by_hand(prepared, asked, steps):
    """The same step in plain PyTorch: losses of a model with the same weights."""
    other = copy.deepcopy(prepared.step.model)
    optimizer = torch.optim.AdamW(other.parameters(), lr=1e-4)
    scaler = torch.amp.GradScaler("cpu")
    losses = []
    for _ in range(steps):
        with torch.autocast("cpu", dtype=torch.float16, enabled=asked == "float16"):
            loss = other(**prepared.step._batches[0], use_cache=False).loss
        losses.append(loss.item())
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        total = torch.stack([weight.grad.norm() for weight in other.parameters()]).norm()
        for weight in other.parameters():
            weight.grad *= min(1.0, 0.01 / (total + 1e-6))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    return losses


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_clipping_and_scaling_are_those_of_a_loop_by_hand(precision):
    prepared = work("llama", precision=precision, clip_norm=0.01)
    expected = by_hand(prepared, precision, 3)
    found = []
    for _ in range(3):
        prepared.step()
        found.append(prepared.step.loss.item())
    assert found == pytest.approx(expected, rel=1e-3 if precision == "float16" else 1e-5)
    assert found[2] < found[0]
    assert prepared.step.model.dtype is torch.float32


def test_a_step_whose_gradients_overflow_is_skipped_in_float16():
    prepared = work("llama", precision="float16")
    prepared.step._scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    before = [weight.clone() for weight in prepared.step.model.parameters()]
    prepared.step()
    assert all(map(torch.equal, before, prepared.step.model.parameters()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
def test_logits_that_a_compiled_loss_never_makes_are_no_part_of_the_peak():
    """Eager: 2 sequences × 16 tokens × 64 words in float32; compiled: not known to exist."""
    eager, compiled = (work("llama", compiled=each) for each in (False, True))
    assert (eager.logits_bytes, compiled.logits_bytes) == (2 * TOKENS * 64 * 4, None)
