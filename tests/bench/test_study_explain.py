"""Explanations held to what must be so: completeness, a linear model, planted words, chance."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from modelworth.bench.study import examples, explain, explanations, plans, tasks
from modelworth.bench.study.case import StudyCase
from modelworth.bench.study.nets import Net
from modelworth.bench.study.plans import shape_of
from modelworth.bench.study.shape import Shape

pytestmark = pytest.mark.filterwarnings("ignore")  # captum warns that it sets requires_grad
CPU = torch.device("cpu")
TEXT = {"vocabulary": examples.KEYWORD_VOCABULARY, "answers": examples.CLASSES}
SHAPE = shape_of("16x1", length=12, causal=False, **TEXT)


@pytest.fixture(scope="module")
def some():
    torch.manual_seed(0)
    net = Net(SHAPE).eval()
    net.head.weight.data.normal_()
    inputs = torch.randint(examples.SPECIAL, SHAPE.vocabulary, (3, 12))
    return net, inputs, explanations.emptied(inputs), torch.tensor([0, 1, 2])


class Linear(nn.Module):
    """An answer that adds up what its positions say: every method must find just that."""

    def __init__(self):
        super().__init__()
        self.shape, self.blocks = SHAPE, []
        self.values = torch.randn(SHAPE.vocabulary, SHAPE.answers)
        self.values[examples.MASK] = 0

    def embedded(self, inputs):
        return self.values[inputs]

    def answer(self, states):
        return states.sum(1)

    def forward(self, inputs):
        return self.answer(self.embedded(inputs))


def test_integrated_gradients_add_up_to_the_change_of_the_answer(some):
    """Sundararajan et al. 2017, the axiom of completeness."""
    net, inputs, empty, classes = some
    found = explanations.integrated_gradients(net, inputs, empty, classes)
    change = (net(inputs) - net(empty))[range(3), classes]
    assert torch.allclose(found.sum(1), change, rtol=0.02, atol=0.02)
    assert explanations.completeness_gaps(net, inputs, empty, classes, found).max() < 0.05


def test_shapley_values_add_up_whatever_the_orders(some):
    net, inputs, empty, classes = some
    found = explanations.shapley(net, inputs, empty, classes)
    change = (net(inputs) - net(empty))[range(3), classes]
    assert torch.allclose(found.sum(1), change, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient_input", "shapley"])
def test_of_a_sum_every_position_gets_its_own_part(method, some):
    net, (_, inputs, empty, classes) = Linear(), some
    found = explanations.METHODS[method](net, inputs, empty, classes)
    own = net.values[inputs][torch.arange(3)[:, None], torch.arange(12), classes[:, None]]
    assert torch.allclose(found, own, atol=1e-4)


def test_attention_flows_whole(some):
    net, inputs, empty, classes = some
    found = explanations.attention_rollout(net, inputs, empty, classes)
    assert torch.allclose(found.sum(1), torch.ones(3), atol=1e-5)
    assert (found > 0).all()


def test_attention_weights_are_those_that_the_block_used(some):
    net, inputs, _, _ = some
    states, block = net.embedded(inputs), net.blocks[0]
    _, _, value = block._heads(states)
    mixed = (block.weights(states) @ value).transpose(1, 2).flatten(2)
    added = states + block.out(mixed)
    by_hand = added + block.down(nn.functional.gelu(block.up(block.norm_forward(added))))
    assert torch.allclose(block(states), by_hand, atol=1e-5)


def test_the_right_order_beats_the_wrong_one_at_both_scores(some):
    net, (_, inputs, empty, classes) = Linear(), some
    right = explanations.shapley(net, inputs, empty, classes)
    deletion, insertion = explanations.perturbed(net, inputs, empty, classes, right)
    worse_deletion, worse_insertion = explanations.perturbed(net, inputs, empty, classes, -right)
    assert deletion < worse_deletion
    assert insertion > worse_insertion


def test_planted_words_alone_decide():
    inputs, labels, deciding = next(tasks.keywords(64, 12, explain.np.random.default_rng(0), CPU))
    words = inputs - examples.SPECIAL - 2 * examples.WORDS
    assert (deciding.sum(1) == examples.PLANTED).all()
    assert ((words >= 0) == deciding).all()
    assert (words[deciding] // examples.KEYWORDS == labels.repeat_interleave(3)).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", plans.METHODS["explain"])
def test_a_run_finds_the_planted_words(method):
    case = StudyCase(study="explain", method=method, shape=SHAPE)
    seen = explain.run(case, CPU)
    assert seen.figures["accuracy_share"].value > 0.9
    assert seen.figures["cost_factor"].value > 0
    if method in ("integrated_gradients", "shapley"):
        assert seen.figures["hit_share"].value > 0.5  # by chance a quarter
        assert seen.figures["deletion_share"].value < seen.figures["deletion_by_chance_share"].value


def test_images_are_explained_by_patches():
    shape = shape_of(
        "16x1", examples.PATCH**2, examples.PATCHES,
        sees="patches", answers=examples.IMAGE_CLASSES, causal=False,
    )  # fmt: skip
    torch.manual_seed(0)
    net = Net(Shape.model_validate(shape)).eval()
    inputs, labels = next(tasks.images(2, explain.np.random.default_rng(0), CPU))
    for method in explanations.METHODS.values():
        found = method(net, inputs, explanations.emptied(inputs), labels)
        assert found.shape == (2, examples.PATCHES)
