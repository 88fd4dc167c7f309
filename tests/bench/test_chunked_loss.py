"""The loss in chunks: equal in value and gradients, without the logits of the whole batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from torch.nn import functional  # noqa: E402 torch may be absent
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from modelworth.bench.work import chunked_loss  # noqa: E402
from modelworth.bench.work.chunked_loss import CHUNKED_MODELS, chunk_loss, linear_loss  # noqa: E402
from tests.bench.test_fused import ALREADY_JOINED, JOINED, built  # noqa: E402
from tests.bench.test_work_infer import work  # noqa: E402
from tests.bench.tiny import SHAPE  # noqa: E402

CONFIGS = {**JOINED, **ALREADY_JOINED, "smollm3": SHAPE}


def random_case(rows=300, width=32, vocabulary=500, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, width, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(vocabulary, width, generator=generator).requires_grad_()
    labels = torch.randint(0, vocabulary, (rows,), generator=generator)
    labels[::7] = chunked_loss.IGNORED
    return hidden, weight, labels


@pytest.mark.parametrize("rows", [1, 64, 1000])
def test_loss_and_gradients_are_those_of_the_plain_loss(rows):
    hidden, weight, labels = random_case()
    plain = functional.cross_entropy(hidden @ weight.T, labels)
    expected = torch.autograd.grad(3 * plain, (hidden, weight))
    found = linear_loss(hidden, weight, labels, rows)
    torch.testing.assert_close(found, plain, rtol=1e-6, atol=1e-6)
    gradients = torch.autograd.grad(3 * found, (hidden, weight))
    torch.testing.assert_close(gradients, expected, rtol=1e-5, atol=1e-7)


def test_gradients_are_those_of_finite_differences():
    hidden, weight, labels = random_case(rows=6, width=3, vocabulary=5)
    given = hidden.detach().double().requires_grad_(), weight.detach().double().requires_grad_()
    value = linear_loss(*given, labels, 4)
    found = torch.autograd.grad(value, given)
    for tensor, gradient in zip(given, found, strict=True):
        with torch.no_grad():
            for at in range(tensor.numel()):
                near = []
                for step in (1e-3, -1e-3):
                    tensor.view(-1)[at] += step
                    near.append(functional.cross_entropy(given[0] @ given[1].T, labels).item())
                    tensor.view(-1)[at] -= step
                slope = (near[0] - near[1]) / 2e-3
                assert gradient.view(-1)[at].item() == pytest.approx(slope, abs=1e-5)


def test_in_bfloat16_it_is_as_near_to_the_truth_as_the_plain_loss():
    hidden, weight, labels = random_case(dtype=torch.bfloat16)
    exact = hidden.detach().float().requires_grad_()
    truth = functional.cross_entropy(exact @ weight.T, labels)
    expected = torch.autograd.grad(truth, (exact, weight))
    found = linear_loss(hidden, weight, labels, 64)
    gradients = torch.autograd.grad(found, (hidden, weight))
    assert found.item() == pytest.approx(truth.item(), rel=2e-3)
    for one, other in zip(gradients, expected, strict=True):
        assert (one.float() - other).abs().max() < 0.02 * other.abs().max()


@pytest.mark.skipif(
    not hasattr(functional, "linear_cross_entropy"), reason="since PyTorch 2.12 or so"
)
def test_it_agrees_with_pytorchs_own():
    hidden, weight, labels = random_case()
    own = functional.linear_cross_entropy(hidden, weight, labels)
    found = linear_loss(hidden, weight, labels, 64)
    torch.testing.assert_close(found, own, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("model_type", sorted(CHUNKED_MODELS))
def test_every_family_trains_as_with_whole_logits(model_type, monkeypatch):
    monkeypatch.setattr(chunked_loss, "chunk_rows", lambda _: 5)
    model = built(model_type, CONFIGS[model_type]).train()
    model.loss_type = "ForCausalLM"
    ids = torch.randint(0, 64, (2, 8))
    plain = model(input_ids=ids, labels=ids).loss
    plain.backward()
    names = [name for name, _ in model.named_parameters()]
    expected = [None if one.grad is None else one.grad.clone() for one in model.parameters()]
    model.zero_grad()
    assert chunk_loss(model)
    assert [name for name, _ in model.named_parameters()] == names
    found = model(input_ids=ids, labels=ids).loss
    found.backward()
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-6)
    for one, other in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(one.grad, other, rtol=1e-4, atol=1e-6)


def test_a_head_that_bends_its_logits_keeps_the_plain_loss():
    assert not chunk_loss(built("gemma2", JOINED["gemma2"]))


class Largest(TorchDispatchMode):
    """The most numbers that any tensor had which an operation made."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        sizes = [one.numel() for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        self.most = max([self.most, *sizes])
        return made


@pytest.mark.parametrize("chunked", [True, False])
def test_logits_of_the_whole_batch_are_never_made(chunked, monkeypatch):
    """Neither made nor kept for the backward pass, in a step as it is timed."""
    monkeypatch.setattr(chunked_loss, "chunk_rows", lambda _: 16)
    choices = {"prompt_tokens": 64, "precision": "bfloat16", "chunked_loss": chunked}
    config = {**SHAPE, "model_type": "llama", "vocab_size": 512}
    prepared = work("llama", "pretrain", config=config, **choices)
    kept = []
    with (
        torch.autograd.graph.saved_tensors_hooks(
            lambda one: (kept.append(one.numel()), one)[1], lambda one: one
        ),
        Largest() as seen,
    ):
        prepared.step()
    whole = 2 * 64 * 512
    assert prepared.chunked_loss is chunked
    assert (max(kept) >= whole and seen.most >= whole) is not chunked
    assert not chunked or max(kept) < whole


def test_the_peak_falls_by_what_is_not_made():
    memory = pytest.importorskip("modelworth.bench.timing.peak_memory")
    peaks = []
    for chunked in (False, True):
        torch.manual_seed(0)
        hidden, weight, labels = random_case(rows=4096, vocabulary=2048)

        def step(hidden=hidden, weight=weight, labels=labels, chunked=chunked):
            if chunked:
                loss = linear_loss(hidden, weight, labels, 256)
            else:
                loss = functional.cross_entropy((hidden @ weight.T).float(), labels)
            loss.backward()

        peaks.append(memory._peak_and_rest(step)[0])
    logits = 4096 * 2048 * 4
    assert peaks[0] > 2 * logits
    assert peaks[1] < logits / 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_compiler_keeps_no_logits_for_the_backward_pass(dtype):
    """As its partitioner decides, which would keep those of the plain loss."""
    hidden, weight, labels = random_case(rows=2048, vocabulary=1024, dtype=dtype)
    largest = []
    for loss in (
        lambda *given: linear_loss(*given, 256),
        lambda given, head, wanted: functional.cross_entropy(
            (given @ head.T.to(given.dtype)).float(), wanted
        ),
    ):
        torch._dynamo.reset()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda one, kept=kept: (kept.append(one.numel()), one)[1], lambda one: one
        ):
            backend = "aot_eager_decomp_partition"
            torch.compile(loss, backend=backend, fullgraph=True)(hidden, weight, labels)
        largest.append(max(kept))
    assert largest == [hidden.numel(), 2048 * 1024]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself, in its compiler
def test_compiled_it_is_the_same():
    hidden, weight, labels = random_case()
    plain = linear_loss(hidden, weight, labels, 64)
    expected = torch.autograd.grad(plain, (hidden, weight))
    fused = torch.compile(lambda *given: linear_loss(*given, 64), fullgraph=True)
    found = fused(hidden, weight, labels)
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad(found, (hidden, weight))
    torch.testing.assert_close(gradients, expected, rtol=1e-5, atol=1e-7)
