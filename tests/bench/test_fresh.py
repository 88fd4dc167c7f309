"""A model drawn module by module is one that transformers draws at once, and takes less memory."""

from __future__ import annotations

import resource

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch import distributed  # noqa: E402 torch may be absent
from torch.distributed.tensor import DTensor  # noqa: E402

from modelworth.bench.models import zoo  # noqa: E402
from modelworth.bench.models.distributed import repeated_layers  # noqa: E402
from modelworth.bench.models.families import auto_class  # noqa: E402
from modelworth.bench.work.losses import loss_of  # noqa: E402
from modelworth.bench.work.prepare import prepare  # noqa: E402
from modelworth.bench.work.task import Task  # noqa: E402
from modelworth.data.measurement import Workload  # noqa: E402
from tests.bench.more_families import SEEING, STATEFUL  # noqa: E402
from tests.bench.tiny import CONFIGS, SHAPE  # noqa: E402
from tests.bench.two_ranks import both_ranks  # noqa: E402

WIDE = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 16}
LARGE = {**SHAPE, **WIDE, "model_type": "llama", "tie_word_embeddings": False}
FAMILIES = {
    **CONFIGS, **SEEING,
    **{name: {**config, "model_type": name} for name, config in STATEFUL.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_every_tensor_is_drawn_as_transformers_draws_it(name):
    """Constants are equal, and what is drawn has the same spread."""
    blueprint = zoo.resolve("m", config=FAMILIES[name])
    ours = zoo.build(blueprint, "cpu", torch.float32, "eager").state_dict()
    config = zoo.transformers_config(blueprint)
    auto = auto_class(blueprint.family, blueprint.config)
    theirs = auto.from_config(config).state_dict()
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        found = ours[key]
        if expected.numel() < 2 or expected.float().std() == 0 or not expected.is_floating_point():
            torch.testing.assert_close(found, expected, msg=key)
        elif expected.numel() >= 64:
            assert found.std() == pytest.approx(expected.std(), rel=0.5), key


def test_tied_weights_are_one_and_buffers_are_as_computed():
    blueprint = zoo.resolve("m", config={**CONFIGS["llama"], "tie_word_embeddings": True})
    model = zoo.build(blueprint, "cpu", torch.float32, "eager")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    width = 8  # of a head; Su et al. 2021: theta to the power of -2i/d
    expected = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    torch.testing.assert_close(model.model.rotary_emb.inv_freq, expected)


def sharded_training(rank, layout):
    """Of one rank: bytes that building took, the first loss, and the whole weights' own loss."""
    asked = {"precision": "float32", "batch": 2, "prompt_tokens": 8, "layout": layout}
    workload = Workload(kind="pretrain", **asked)
    prepare(Task(model="llama", config=CONFIGS["llama"], workload=workload), "cpu")  # imports
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work = prepare(Task(model="llama", config=LARGE, workload=workload), "cpu")
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    whole = {name: weight.full_tensor() for name, weight in work.step.model.named_parameters()}
    split = all(isinstance(weight, DTensor) for weight in work.step.model.parameters())
    work.step()
    alone = zoo.build(zoo.resolve("llama", config=LARGE), "cpu", torch.float32, "sdpa")
    alone.load_state_dict(whole, strict=True)
    expected = loss_of(zoo.resolve("llama", config=LARGE), alone, work.step._batches[0])
    distributed.barrier()
    return grown, split, work.step.loss.item(), expected.item(), len(repeated_layers(alone))


@pytest.mark.slow
def test_a_sharded_model_is_never_whole_on_a_rank():
    """16 layers of 16 MiB: half of them and one more layer, and the loss of the whole model."""
    found = both_ranks(sharded_training, {"data": 2, "fully_sharded": True})
    blueprint = zoo.resolve("llama", config=LARGE)
    whole_bytes = 4 * zoo.describe(blueprint).parameters_total
    for grown, split, loss, expected, layers in found:
        assert (split, layers) == (True, 16)
        assert grown < 0.8 * whole_bytes, grown / whole_bytes
        assert loss == pytest.approx(expected, rel=1e-4)
