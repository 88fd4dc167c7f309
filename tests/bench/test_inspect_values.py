"""Shapes that hang on values come out on the meta device as they do on the processor."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from modelworth.bench.models.inspect_build import build_bare  # noqa: E402
from modelworth.bench.models.inspect_inputs import item_inputs  # noqa: E402
from modelworth.bench.models.inspect_measure import counted_pass  # noqa: E402
from modelworth.bench.models.inspect_runs import runs_of  # noqa: E402
from modelworth.bench.models.inspect_values import META, Literals, Values  # noqa: E402

GIVEN = torch.tensor([[1, 4, 6], [2, 3, 0]])


def windows(grid):
    """What vision towers do with a grid."""
    lengths = torch.repeat_interleave(grid[:, 1] * grid[:, 2], grid[:, 0])
    return torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).tolist()


def placed(grid):
    """A tensor written to by places, and then asked where it isn't zero."""
    held = torch.zeros(3, 7, dtype=torch.long)
    held[1, grid[0, :2]] = torch.arange(2) + 1
    return held.nonzero().tolist(), int(held.sum()), f"{held[1, 1]}"


ASKED = [
    windows,
    placed,
    lambda grid: [each.shape[0] for each in torch.arange(10).split([grid[0, 1], grid[0, 2]])],
    lambda grid: torch.unique(grid).shape,
    lambda grid: torch.bincount(grid.flatten()).tolist(),
    lambda grid: torch.arange(6)[torch.tensor([True, False] * 3)].shape,
    lambda grid: grid[grid > 2].shape,
    lambda grid: (grid.flip(0).numpy() + 1).tolist(),
    lambda grid: bool((grid == torch.as_tensor([1, 4, 6])).any()),
]


@pytest.mark.parametrize("ask", ASKED, ids=range(len(ASKED)))
def test_known_values_answer_as_on_the_processor(ask):
    values = Values()
    with META, Literals(values), values:
        found = ask(GIVEN)
    assert found == ask(GIVEN)


def test_what_is_written_over_with_unknown_numbers_is_known_no_more():
    values = Values()
    with META, Literals(values), values:
        held = torch.arange(4.0)
        assert held.tolist() == [0, 1, 2, 3]
        held.view(2, 2).copy_(torch.empty(2, 2))
        assert held.tolist() == [0, 0, 0, 0]


SMALL = {
    "qwen2_5_vl_vision": {"depth": 2, "hidden_size": 64, "num_heads": 4, "intermediate_size": 96},
    "siglip2_vision_model": {"hidden_size": 48, "num_hidden_layers": 1, "intermediate_size": 48},
    "dac": {"encoder_hidden_size": 4, "decoder_hidden_size": 64},
}


@pytest.mark.parametrize("kind", SMALL)
def test_flops_of_a_pass_without_storage_are_those_of_a_real_one(kind):
    if kind == "qwen2_5_vl_vision" and transformers.__version__ < "5.23":
        pytest.skip("transformers 5.17 has no model for this tower alone")
    built = build_bare({"model_type": kind, **SMALL[kind]}, kind)
    runs, _ = runs_of(built)
    real = type(built.model)(built.settings).eval()
    real.set_attn_implementation("eager")
    for given in item_inputs(built.model):
        try:
            counted_pass(built.model, given)
        except RuntimeError:
            continue
        inputs = {
            name: torch.zeros(each.shape, dtype=each.dtype) if each.is_meta else each
            for name, each in given.items()
        }
        break
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        real(**inputs)
    assert runs.passes[-1].total == counter.get_total_flops()
