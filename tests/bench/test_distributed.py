"""Two processes on one machine train what one process trains, however the model is spread."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models import narrow_limits, zoo  # noqa: E402 torch may be absent
from modelworth.bench.models.distributed import _styles, repeated_layers  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.errors import InputError  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.tiny import CONFIGS  # noqa: E402
from tests.bench.two_ranks import both_ranks  # noqa: E402

LAYOUTS = {
    "ddp": {"data": 2},
    "fsdp2": {"data": 2, "fully_sharded": True},
    "tensor": {"tensor": 2},
    "both": {"data": 2, "tensor": 2, "fully_sharded": True},
}
SPARED = {"ddp": 1.0, "fsdp2": 0.5, "tensor": 0.7, "both": 0.35}
"""Of the weights, what a rank holds."""


def case(kind, layout, folder=None, **choices):
    asked = {"precision": "float32", "batch": 2, "prompt_tokens": 8, **choices}
    workload = Workload(kind=kind, layout=layout, **asked)
    if folder:
        return Task(model=folder, weights="pretrained", workload=workload)
    return Task(model="llama", config=CONFIGS["llama"], workload=workload)


def trained(task, batches=None):
    """Losses of three steps, and the work; on given micro-batches, or on the step's own."""
    work = prepare(task, "cpu")
    step = work.step
    if batches:
        step._batches = [{key: torch.tensor(one[key]) for key in one} for one in batches]
    losses = []
    for _ in range(3):
        step()
        losses.append(step.loss.item())
    return losses, work, [{key: one[key].tolist() for key in one} for one in step._batches]


def run_rank(rank, tasks):
    """As one of the ranks: of each task losses, bytes of weights, the batches, and the work."""
    narrow_limits._has = lambda *_: True  # a processor rounds to fp8 as a GPU does
    found = []
    for task in tasks:
        losses, work, batches = trained(task)
        done = [work.work_per_step, work.model_flops_per_step]
        found.append((losses, work.weights_bytes, batches, done, work.chunked_loss))
    return found


def decode_rank(rank, tasks):
    """As one of the ranks: of each task a step's bytes, the cache's, and bits of a weight."""
    found = []
    for task in tasks:
        work = prepare(task, "cpu")
        work.reset()
        work.step()
        found.append((work.bytes_per_step, work.cache_bytes, work.weight_bits))
    return found


def held_rank(rank, task):
    """As one of the ranks: bytes that really lie here of weights, gradients and moments."""
    work = prepare(task, "cpu")
    step = work.step

    def local(tensors):
        parts = [it.to_local() if hasattr(it, "to_local") else it for it in tensors]
        return sum(part.numel() * part.element_size() for part in parts)

    step.accumulate()
    weights = list(step.model.parameters())
    found = [local(weights), local(weight.grad for weight in weights)]
    step.update()
    moments = [it for state in step.optimizer.state.values() for it in state.values()]
    said = [work.weights_bytes, work.gradients_bytes, work.optimizer_bytes]
    return [*found, local(it for it in moments if it.dim())], said


def shard_bytes(name, shape, layout, rank):
    """Of one weight in float32, what lies on a rank: its part of the split, cut by rows."""
    rows, columns = shape[0], shape[1:].numel()
    split = re.search(r"(q|k|v|gate|up|o|down)_proj", name) if "tensor" in layout else None
    if split:
        along_rows = split[1] in ("q", "k", "v", "gate", "up")
        rows, columns = (rows // 2, columns) if along_rows else (rows, columns // 2)
    if layout.get("fully_sharded"):
        rows = len(torch.arange(rows).chunk(2)[rank // layout.get("tensor", 1)])
    return 4 * rows * columns


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fsdp2", "tensor", "both"])
def test_a_rank_holds_its_shard_of_weights_gradients_and_moments(name):
    layout = LAYOUTS[name]
    world = layout.get("data", 1) * layout.get("tensor", 1)
    whole = zoo.build(zoo.resolve("llama", config=CONFIGS["llama"]), "meta", torch.float32)
    for rank, (held, said) in enumerate(
        both_ranks(held_rank, case("pretrain", layout), world=world)
    ):
        sizes = [(path, weight.shape) for path, weight in whole.named_parameters()]
        shard = sum(shard_bytes(*one, layout, rank) for one in sizes)
        assert held == said == [shard, shard, 2 * shard]


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with a model's weights."""
    torch.manual_seed(7)
    model = zoo.build(zoo.resolve("llama", config=CONFIGS["llama"]), "cpu", torch.float32)
    model.save_pretrained(tmp_path)
    return str(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_ranks_train_what_one_device_trains(name, checkpoint, monkeypatch):
    """Step for step: one device takes all ranks' micro-batches, and tells the last one's loss."""
    monkeypatch.setattr(narrow_limits, "_has", lambda *_: True)
    layout = LAYOUTS[name]
    asked = [
        {"chunked_loss": False}, {}, {"gradient_accumulation": 2, "clip_norm": 0.5},
        {"kind": "finetune_lora"}, {"folder": checkpoint},
        {"kind": "finetune_lora", "folder": checkpoint},
        *([] if "tensor" in layout else [{"precision": "fp8"}]),
    ]  # fmt: skip
    kinds = [{"kind": "pretrain", **one} for one in asked]
    world = layout.get("data", 1) * layout.get("tensor", 1)
    ranks = both_ranks(run_rank, [case(layout=layout, **one) for one in kinds], world=world)
    for one, *found in zip(kinds, *ranks, strict=True):
        task = case(layout={}, **one)
        (_, held, batches, done, chunked), (last, _, others, _, _) = found[0], found[-1]
        seen = [*batches, *others] if "data" in layout else batches
        near = 1e-2 if "precision" in one else 1e-4  # FSDP rounds weights to bfloat16 first
        if "folder" in one and one["kind"] == "finetune_lora":
            near = 1e-3  # where weights are loaded, adapters begin from other random numbers
        assert last == pytest.approx(trained(task, seen)[0], rel=near), one
        _, alone, own = trained(task)
        assert own == batches
        assert held == pytest.approx(SPARED[name] * alone.weights_bytes, rel=0.25), one
        share = layout.get("tensor", 1)
        assert done == [alone.work_per_step / share, alone.model_flops_per_step / share]
        assert chunked is (one.get("chunked_loss") is None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp", "fsdp2", "tensor"])
def test_two_ranks_decode_what_one_decodes(name):
    layout, share = LAYOUTS[name], 2 if name == "tensor" else 1
    asked = ["bfloat16"] if name != "ddp" else ["bfloat16", "int8", "int4"]
    found = both_ranks(decode_rank, [case("decode", layout, precision=one) for one in asked])
    for precision, *ranks in zip(asked, *found, strict=True):
        alone = prepare(case("decode", {}, precision=precision), "cpu")
        for moved, cache, bits in ranks:
            assert moved == alone.bytes_per_step / share
            assert (cache, bits) == (alone.cache_bytes / share, alone.weight_bits)


def test_layers_are_those_of_the_stacks():
    model = prepare(case("pretrain", {}), "cpu").step.model
    assert repeated_layers(model) == list(model.model.layers)


@pytest.mark.parametrize(
    ("layout", "where"),
    [
        ({"data": 2}, "workload.layout"),
        ({"fully_sharded": True}, "workload.layout.data"),
        ({"pipeline": 2}, "workload.layout.pipeline"),
        ({"data": 2, "tensor": 2}, "workload.layout"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(layout, where):
    with pytest.raises(InputError) as refused:
        prepare(case("pretrain", layout), "cpu")
    assert refused.value.where == where


def test_a_mixture_is_not_cut_in_part():
    """transformers' plan splits its experts in ways that aren't followed here."""
    model = zoo.build(zoo.resolve("m", config=CONFIGS["mixtral"]), "meta", torch.float32)
    with pytest.raises(InputError, match="a dense model"):
        _styles(model, 2)
