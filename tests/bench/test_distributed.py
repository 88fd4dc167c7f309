"""Two processes on one machine train what one process trains, however the model is spread."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.models.distributed import repeated_layers  # noqa: E402 torch may be absent
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
}


def case(kind, layout, **choices):
    asked = {"precision": "float32", "batch": 2, "prompt_tokens": 8, **choices}
    workload = Workload(kind=kind, layout=layout, **asked)
    return Task(model="llama", config=CONFIGS["llama"], workload=workload)


def run_rank(rank, layout):
    """Train two steps and decode one token as one of two ranks."""
    step = {"gradient_accumulation": 2}
    prepared = prepare(case("pretrain", layout, **step), "cpu")
    losses = []
    for _ in range(3):
        prepared.step()
        losses.append(prepared.step.loss.item())
    held = prepared.weights_bytes
    done = [prepared.work_per_step, prepared.model_flops_per_step]
    decoding = prepare(case("decode", layout), "cpu")
    decoding.reset()
    decoding.step()
    return rank, losses, held, done, decoding.bytes_per_step, decoding.cache_bytes


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_two_ranks_train_what_one_trains(name):
    layout = LAYOUTS[name]
    alone = prepare(case("pretrain", {}, gradient_accumulation=2), "cpu")
    expected = []
    for _ in range(3):
        alone.step()
        expected.append(alone.step.loss.item())
    (_, first, held, done, moved, cache), (_, second, *_) = both_ranks(run_rank, layout)
    if name == "tensor":  # the same data on both, so the same loss as alone
        assert first == pytest.approx(expected, rel=1e-4)
        assert second == pytest.approx(first)
        assert done == [alone.work_per_step / 2, alone.model_flops_per_step / 2]
    else:  # rank 0 sees what one process sees; the other sees other data
        assert first[0] == pytest.approx(expected[0], rel=1e-4)
        assert second[0] != pytest.approx(first[0], rel=1e-6)
        assert done == [alone.work_per_step, alone.model_flops_per_step]
    assert first[-1] < first[0]
    whole = prepare(case("decode", {}), "cpu")
    share = 2 if name == "tensor" else 1
    assert moved == whole.bytes_per_step / share
    assert cache == whole.cache_bytes / share
    spared = {"ddp": 1.0, "fsdp2": 0.5, "tensor": 0.7}[name]
    assert held == pytest.approx(spared * alone.weights_bytes, rel=0.2)


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
