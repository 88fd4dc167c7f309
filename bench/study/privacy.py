"""The privacy study's runs: fine-tuning on text that must stay private, plain against private.

A model is first trained on the other topics' text, then fine-tuned on the private topic: plainly,
by DP-SGD (Abadi et al. 2016) with Opacus' hooks or ghost clipping, or on low-rank adapters (LoRA).
What is protected is a window of text. Plain and private steps are timed in turn on the same
batches, so that a busy machine slows both. Left out: text that repeats across windows, which needs
protection by document.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from modelworth.bench.study.case import Seen, StudyCase
from modelworth.bench.study.corpus import Corpus
from modelworth.bench.study.learning import net_of, seen
from modelworth.bench.study.nets import Net
from modelworth.bench.study.training import (
    Batch,
    Trained,
    cut,
    held_out,
    in_turn,
    loss_of,
    lost,
    train,
    windows,
)
from modelworth.data.study import Estimate

PRIVATE_METHODS: Final = {"hooks": "hooks", "ghost": "ghost", "lora_private": "hooks"}
"""Method → how Opacus gets each example's gradient."""
ADAPTED: Final = ("lora", "lora_private")
LORA_RANK: Final = 8
CLIP: Final = 1.0
PRIVATE_TOPIC: Final = 0
RATES: Final = {"plain": 2e-3, "hooks": 2e-3, "ghost": 2e-3, "lora": 1e-2, "lora_private": 1e-2}
ACCOUNTANT: Final = "prv"


@dataclass(frozen=True, slots=True)
class Private:
    """Model, optimizer and loss as Opacus wrapped them; `engine` knows what epsilon was spent."""

    net: nn.Module
    optimizer: Any
    loss: Callable[[Tensor, Tensor], Any]
    loader: DataLoader[Any]
    engine: Any


def run(case: StudyCase, corpus: Corpus, device: torch.device) -> Seen:
    """One run of the study."""
    base = _base(case, corpus, device)
    ids = corpus.tokens[corpus.topics == PRIVATE_TOPIC]
    net = adapted(base, device) if case.method in ADAPTED else deepcopy(base)
    figures: dict[str, Estimate] = {}
    if case.method in PRIVATE_METHODS:
        trained, figures = _private(case, net, ids, device)
    else:
        trained = _plain(case, net, ids, device)
    if case.method != "plain":
        paired = _against_plain(case, base, ids, device)
        figures |= paired[0]
        trained = Trained(paired[1], trained.diverged)
    checks = _checks(case, corpus, device)
    figures["loss_before_nats"] = held_out(base, checks)["held_out_loss_nats"]
    quality = held_out(net, checks)
    figures["held_out_loss_nats"] = quality["held_out_loss_nats"]
    figures["next_word_share"] = quality["accuracy_share"]
    return seen(case, base, trained, figures, "tokens")


def private(case: StudyCase, net: nn.Module, rows: Tensor, noise: float) -> Private:
    """Net and optimizer made private, batches drawn by Poisson sampling."""
    from opacus import PrivacyEngine

    mode = PRIVATE_METHODS[case.method]
    parameters = [tensor for tensor in net.parameters() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATES[case.method], betas=(0.9, 0.95))
    data = TensorDataset(rows[:, :-1], rows[:, 1:])
    generator = torch.Generator().manual_seed(case.seed)
    loader = DataLoader(data, batch_size=case.batch, generator=generator)
    net.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no cryptographic noise: this is a study
        engine = PrivacyEngine(accountant=ACCOUNTANT)
        parts = engine.make_private(
            module=net,
            optimizer=optimizer,
            data_loader=loader,
            noise_multiplier=noise,
            max_grad_norm=CLIP,
            grad_sample_mode=mode,
            noise_generator=torch.Generator(rows.device).manual_seed(case.seed),
        )
    loss: Callable[[Tensor, Tensor], Any] = loss_of
    if mode == "ghost":
        criterion = parts[2]

        def loss(logits: Tensor, targets: Tensor) -> Any:
            return criterion(logits.flatten(0, 1), targets.flatten(), shape=logits.shape)

    return Private(parts[0], parts[1], loss, parts[-1], engine)


def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """Noise over clipping norm that spends epsilon in so many steps at a sampling rate."""
    from opacus.accountants.utils import get_noise_multiplier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the search, which tries hopeless values on its way
        return float(
            get_noise_multiplier(
                target_epsilon=epsilon,
                target_delta=delta,
                sample_rate=rate,
                steps=steps,
                accountant=ACCOUNTANT,
            )
        )


def adapted(base: Net, device: torch.device) -> nn.Module:
    """The base with low-rank adapters, the only part that is trained (Hu et al. 2021)."""
    from peft import LoraConfig, get_peft_model

    targets = ["qkv", "out", "up", "down"]
    net: nn.Module = get_peft_model(
        deepcopy(base), LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules=targets)
    )
    return net.to(device)


def step_of(
    net: nn.Module, optimizer: Any, loss: Callable[[Tensor, Tensor], Any], batch: Batch
) -> float:
    """One step; the mean loss."""
    inputs, targets = batch
    found = loss(net(inputs), targets)
    found.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(found.item())


def _base(case: StudyCase, corpus: Corpus, device: torch.device) -> Net:
    """A model of the public text."""
    assert case.shape is not None
    net, rng = net_of(case, device), np.random.default_rng(case.seed)
    tokens = int(case.number("base_tokens"))
    ids = corpus.tokens[corpus.topics != PRIVATE_TOPIC][: tokens + 1]
    if tokens:
        steps = max(1, tokens // (8 * case.shape.length))
        train(net, windows(ids, case.shape.length, 8, rng, device), steps, case.shape.width)
    return net


def _plain(case: StudyCase, net: nn.Module, ids: np.ndarray, device: torch.device) -> Trained:
    assert case.shape is not None
    rng = np.random.default_rng(case.seed)
    batches = windows(ids, case.shape.length, case.batch, rng, device)
    return train(net, batches, _steps(case), case.shape.width, RATES[case.method])


def _private(
    case: StudyCase, net: nn.Module, ids: np.ndarray, device: torch.device
) -> tuple[Trained, dict[str, Estimate]]:
    """Train privately to the case's epsilon; in `net` itself, which Opacus only wraps."""
    rows, steps, delta = _rows(case, ids, device), _steps(case), case.number("delta")
    noise = noise_for(case.number("epsilon"), delta, case.batch / len(rows), steps)
    made = private(case, net, rows, noise)
    times, diverged, step = [], None, 0
    while step < steps and diverged is None:
        for batch in made.loader:
            began = perf_counter()
            value = step_of(made.net, made.optimizer, made.loss, batch)
            times.append(perf_counter() - began)
            step += 1
            diverged = None if np.isfinite(value) else lost(step, steps)
            if step == steps or diverged:
                break
    spent = made.engine.get_epsilon(delta)
    made.net.remove_hooks()
    figures = {"epsilon": Estimate(value=spent), "noise_multiplier": Estimate(value=noise)}
    return Trained(tuple(times), diverged), figures


def _against_plain(
    case: StudyCase, base: Net, ids: np.ndarray, device: torch.device
) -> tuple[dict[str, Estimate], tuple[float, ...]]:
    """Factors of time and memory over plain full training, and the seconds of the case's steps."""
    rows = _rows(case, ids, device)
    batch = (rows[: case.batch, :-1].contiguous(), rows[: case.batch, 1:].contiguous())
    own, plain = _step(case, base, rows, batch, device), _plain_step(base, batch)
    times, slowdown, held = in_turn(own, plain, device)
    return {"slowdown_factor": slowdown} | ({"memory_factor": held} if held else {}), times


def _step(
    case: StudyCase, base: Net, rows: Tensor, batch: Batch, device: torch.device
) -> Callable[[], object]:
    """A step of the case's method, on a copy of the base."""
    net = adapted(base, device) if case.method in ADAPTED else deepcopy(base)
    if case.method not in PRIVATE_METHODS:
        return _plain_step(net, batch)
    made = private(case, net, rows, 1.0)
    return lambda: step_of(made.net, made.optimizer, made.loss, batch)


def _plain_step(net: nn.Module, batch: Batch) -> Callable[[], object]:
    copy = deepcopy(net).train()
    parameters = [tensor for tensor in copy.parameters() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATES["plain"], betas=(0.9, 0.95))
    return lambda: step_of(copy, optimizer, loss_of, batch)


def _rows(case: StudyCase, ids: np.ndarray, device: torch.device) -> Tensor:
    """Every window of the private text, each with the token after it."""
    assert case.shape is not None
    length = case.shape.length
    starts = np.arange((len(ids) - 1) // length) * length
    return torch.from_numpy(ids[starts[:, None] + np.arange(length + 1)]).to(device)


def _checks(case: StudyCase, corpus: Corpus, device: torch.device) -> list[Batch]:
    assert case.shape is not None
    ids, length = corpus.held_out[corpus.held_out_topics == PRIVATE_TOPIC], case.shape.length
    starts = np.arange(min((len(ids) - 1) // length, 256)) * length
    return [cut(ids, part, length, device) for part in np.array_split(starts, 8)]


def _steps(case: StudyCase) -> int:
    assert case.shape is not None
    return max(1, round(case.number("tokens") / (case.batch * case.shape.length)))
