"""Private training held to others: another accountant, the noise that it adds, each gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from modelworth.bench.study import corpus as corpora
from modelworth.bench.study import plans, privacy, training
from modelworth.bench.study.case import StudyCase
from modelworth.bench.study.nets import Net
from modelworth.bench.study.shape import Shape
from modelworth.bench.study.texts import Document
from modelworth.bench.study.training import loss_of

pytestmark = pytest.mark.filterwarnings("ignore")  # opacus warns of what is meant here
CPU = torch.device("cpu")
SHAPE = Shape(vocabulary=280, length=8, width=16, layers=1, heads=1)


def case(method="hooks", **settings):
    return StudyCase(
        study="privacy", method=method, shape=SHAPE, batch=4,
        settings={"tokens": 64, "base_tokens": 64, "epsilon": 8.0, "delta": 1e-5, **settings},
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return torch.randint(1, 280, (64, 9), generator=torch.Generator().manual_seed(0))


def gradients(net):
    return torch.cat([tensor.grad.flatten() for tensor in net.parameters()])


def made(method, rows, noise):
    torch.manual_seed(0)
    net = Net(SHAPE)
    net.head.weight.data.normal_(0, 0.1)
    return privacy.private(case(method), net, rows, noise)


def clipped_by_hand(rows, count):
    """Mean over the expected batch of each window's own gradient, clipped."""
    torch.manual_seed(0)
    net = Net(SHAPE)
    net.head.weight.data.normal_(0, 0.1)
    total = 0.0
    for row in rows[:count]:
        net.zero_grad()
        loss_of(net(row[None, :-1].contiguous()), row[None, 1:]).backward()
        own = gradients(net)
        total = total + own * min(1.0, privacy.CLIP / (own.norm() + 1e-6))
    return total / 4


@pytest.mark.parametrize("method", ["hooks", "ghost"])
def test_a_step_averages_each_windows_clipped_gradient(method, rows):
    wrapped = made(method, rows, 0.0)
    inputs, targets = rows[:4, :-1].contiguous(), rows[:4, 1:].contiguous()
    wrapped.loss(wrapped.net(inputs), targets).backward()
    wrapped.optimizer.pre_step()
    assert torch.allclose(gradients(wrapped.net), clipped_by_hand(rows, 4), atol=1e-5)


@pytest.mark.parametrize("method", ["hooks", "ghost"])
def test_the_noise_has_the_deviation_that_was_asked_for(method, rows):
    """σ·C over the expected batch, on every parameter."""
    noise = 3.0
    quiet, noisy = made(method, rows, 0.0), made(method, rows, noise)
    inputs, targets = rows[:4, :-1].contiguous(), rows[:4, 1:].contiguous()
    for wrapped in (quiet, noisy):
        wrapped.loss(wrapped.net(inputs), targets).backward()
        wrapped.optimizer.pre_step()
    added = gradients(noisy.net) - gradients(quiet.net)
    expected = noise * privacy.CLIP / 4
    error = expected / np.sqrt(2 * len(added))
    assert added.std().item() == pytest.approx(expected, abs=4 * error)
    assert abs(added.mean().item()) < 4 * expected / np.sqrt(len(added))


def gaussian_delta(epsilon, mu):
    """Balle and Wang 2018: delta of a Gaussian mechanism of sensitivity over deviation mu."""
    return norm.cdf(mu / 2 - epsilon / mu) - np.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)


@pytest.mark.parametrize(("epsilon", "steps"), [(1.0, 50), (8.0, 200)])
def test_without_sampling_the_noise_is_the_gaussian_mechanisms(epsilon, steps):
    """Composed Gaussians are one, of mu = √steps / σ (Dong et al. 2019): an exact answer."""
    noise = privacy.noise_for(epsilon, 1e-5, 1.0, steps)
    assert gaussian_delta(epsilon, np.sqrt(steps) / noise) <= 1e-5 * 1.02
    assert gaussian_delta(epsilon * 0.95, np.sqrt(steps) / noise) > 1e-5


@pytest.mark.parametrize(("noise", "rate", "steps"), [(1.1, 0.02, 200), (0.8, 0.01, 500)])
def test_epsilon_agrees_with_an_independent_accountant(noise, rate, steps):
    """autodp's RDP bounds from above; its own ratio to Opacus' RDP is one."""
    from autodp.mechanism_zoo import GaussianMechanism
    from autodp.transformer_zoo import AmplificationBySampling, Composition
    from opacus.accountants import PRVAccountant, RDPAccountant

    gaussian = GaussianMechanism(sigma=noise)
    gaussian.replace_one = False
    sampled = AmplificationBySampling(PoissonSampling=True)(
        gaussian, rate, improved_bound_flag=True
    )
    other = Composition()([sampled], [steps]).get_approxDP(1e-5)
    spent = {}
    for kind in (RDPAccountant, PRVAccountant):
        accountant = kind()
        accountant.history = [(noise, rate, steps)]
        spent[kind] = accountant.get_epsilon(1e-5)
    assert spent[RDPAccountant] == pytest.approx(other, rel=0.02)
    assert 0.6 * other < spent[PRVAccountant] <= other


def test_adapters_alone_are_trained():
    net = privacy.adapted(Net(SHAPE), CPU)
    trained = [name for name, tensor in net.named_parameters() if tensor.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)


def test_a_ratio_of_times_has_an_interval_that_holds_it():
    rng = np.random.default_rng(0)
    slow, fast = rng.lognormal(1, 0.1, 40).tolist(), rng.lognormal(0, 0.1, 40).tolist()
    found = training.ratio(slow, fast)
    assert found.low < found.value < found.high
    assert found.low < np.e < found.high


@pytest.mark.slow
@pytest.mark.parametrize("method", plans.METHODS["privacy"])
def test_every_method_runs_to_its_figures(method):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["a", "bee", "sea", "dee"], 1500)) for _ in range(40)]
    documents = [Document(text, f"topic {place // 20}") for place, text in enumerate(texts)]
    corpus = corpora.build(documents, 280, "a test")
    assert set(corpus.held_out_topics.tolist()) == {0, 1}
    seen = privacy.run(case(method), corpus, CPU)
    assert seen.diverged is None
    assert seen.figures["held_out_loss_nats"].value > 0
    assert (method == "plain") != ("slowdown_factor" in seen.figures)
    if method in privacy.PRIVATE_METHODS:
        assert 6 < seen.figures["epsilon"].value <= 8.05
