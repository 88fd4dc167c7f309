"""The learning study's runs: what more data, a bigger model and pre-training buy.

`scratch` trains a language model on a budget of tokens; `image` a classifier of images; `task` a
model for one of the made-up tasks; `finetune` teaches topics of the text to a pre-trained model,
`labels_only` to one that starts from nothing. Every run says how long an answer takes, so that cost
and quality stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
import torch

from modelworth.bench.study import tasks
from modelworth.bench.study.case import Seen, StudyCase
from modelworth.bench.study.corpus import Corpus
from modelworth.bench.study.nets import Net
from modelworth.bench.study.training import (
    Batch,
    Trained,
    cut,
    held_out,
    seconds,
    share,
    train,
    windows,
)
from modelworth.data.study import Estimate

HELD_OUT_BATCHES: Final = 12
HELD_OUT_ROWS: Final = 32
CHOICES: Final = 4
CLOZE_ROUNDS: Final = 8
RATE_OF_FINETUNING: Final = 3e-3
PRETRAINING_BATCH: Final = 8


def run(case: StudyCase, corpus: Corpus | None, device: torch.device) -> Seen:
    """One run of the study."""
    if case.method in ("finetune", "labels_only"):
        return _labels(case, needed(corpus), device)
    if case.method == "scratch":
        return _scratch(case, needed(corpus), device)
    return _made(case, device)


def net_of(case: StudyCase, device: torch.device) -> Net:
    """The case's net, the same for the same seed."""
    assert case.shape is not None
    torch.manual_seed(case.seed)
    return Net(case.shape).to(device)


def pretrained(
    case: StudyCase, net: Net, corpus: Corpus, tokens: int, device: torch.device
) -> Trained:
    """Train a language model on so many tokens of the corpus, all different."""
    return _on_text(case, net, corpus.tokens[: tokens + 1], tokens, device)


def seen(
    case: StudyCase, net: Net, trained: Trained, figures: dict[str, Estimate], unit: str
) -> Seen:
    """What came out of a training run."""
    assert case.shape is not None
    per_row = case.shape.length if unit == "tokens" else 1
    work = case.batch * per_row
    flops = 6.0 * net.parameters_matmul() * case.batch * case.shape.length
    return Seen(
        unit=unit,
        work_per_step=work,
        samples_s=trained.samples_s,
        parameters_total=net.parameters_total(),
        parameters_matmul=net.parameters_matmul(),
        model_flops_per_step=flops,
        figures={} if trained.diverged else figures,
        diverged=trained.diverged,
    )


def text_checks(case: StudyCase, corpus: Corpus, device: torch.device) -> list[Batch]:
    """Batches of held-out text, the same for every run."""
    assert case.shape is not None
    length = case.shape.length
    count = (len(corpus.held_out) - 1) // length
    rows = min(count, HELD_OUT_BATCHES * HELD_OUT_ROWS)
    starts = np.random.default_rng(0).permutation(count)[:rows] * length
    parts = np.array_split(starts, max(1, rows // HELD_OUT_ROWS))
    return [cut(corpus.held_out, part, length, device) for part in parts]


def needed(corpus: Corpus | None) -> Corpus:
    """The corpus of a method that trains on text."""
    assert corpus is not None
    return corpus


def _on_text(
    case: StudyCase, net: Net, ids: np.ndarray, tokens: int, device: torch.device
) -> Trained:
    assert case.shape is not None
    shape, rng = case.shape, np.random.default_rng(case.seed)
    batches = windows(ids, shape.length, case.batch, rng, device)
    steps = max(1, round(tokens / (case.batch * shape.length)))
    rate = case.settings.get("peak_rate")
    return train(net, batches, steps, shape.width, None if rate is None else float(rate))


def _scratch(case: StudyCase, corpus: Corpus, device: torch.device) -> Seen:
    """A language model, its loss on held-out text and what it can do with it."""
    net = net_of(case, device)
    tokens = int(case.number("tokens"))
    ids = corpus.tokens[: int(case.settings.get("unique_tokens", tokens)) + 1]
    trained = _on_text(case, net, ids, tokens, device)
    if trained.diverged:
        return seen(case, net, trained, {}, "tokens")
    checks = text_checks(case, corpus, device)
    figures = held_out(net, checks)
    figures["next_word_share"] = figures.pop("accuracy_share")
    figures["cloze_share"] = _cloze(net, corpus, device)
    figures["recall_share"] = _recall(net, device)
    figures["bytes_per_token"] = Estimate(value=corpus.bytes_per_token)
    figures["forward_s"] = _forward_s(net, checks[0][0])
    return seen(case, net, trained, figures, "tokens")


@torch.no_grad()
def _cloze(net: Net, corpus: Corpus, device: torch.device) -> Estimate:
    """Share of contexts for which the true continuation is likelier than three others."""
    rng, half = np.random.default_rng(1), net.shape.length // 2
    count = (len(corpus.held_out) - 1) // net.shape.length
    rights = []
    for _ in range(CLOZE_ROUNDS):
        starts = rng.integers(0, count, HELD_OUT_ROWS) * net.shape.length
        contexts = corpus.held_out[starts[:, None] + np.arange(half)]
        others = rng.integers(0, len(corpus.held_out) - half - 1, (CHOICES - 1, HELD_OUT_ROWS))
        ends = np.concatenate([(starts + half)[None], others])[..., None] + np.arange(half // 2)
        rows = np.concatenate(
            [np.broadcast_to(contexts, (CHOICES, *contexts.shape)), corpus.held_out[ends]], 2
        )
        ids = torch.from_numpy(rows.reshape(-1, rows.shape[2])).to(device)
        scores = net(ids[:, :-1])[:, half - 1 :].log_softmax(-1)
        likely = scores.gather(2, ids[:, half:, None]).mean((1, 2)).view(CHOICES, -1)
        rights.append((likely.argmax(0) == 0).float().mean().item())
    return share(rights)


@torch.no_grad()
def _recall(net: Net, device: torch.device) -> Estimate:
    """Share of random tokens got right the second time they come: learning from the context."""
    rng, half = np.random.default_rng(2), net.shape.length // 2
    rights = []
    for _ in range(CLOZE_ROUNDS):
        once = rng.integers(0, net.shape.vocabulary, (HELD_OUT_ROWS, half))
        ids = torch.from_numpy(np.hstack([once, once])).to(device)
        found = net(ids[:, :-1]).argmax(-1)[:, half:]
        rights.append((found == ids[:, half + 1 :]).float().mean().item())
    return share(rights)


def _made(case: StudyCase, device: torch.device) -> Seen:
    """A model for a task or for images that the study makes itself."""
    assert case.shape is not None
    net, unit = net_of(case, device), "images" if case.method == "image" else "sequences"

    def batches(seed: int, rows: int) -> Iterator[Batch]:
        rng = np.random.default_rng(seed)
        if case.method == "image":
            return tasks.images(rows, rng, device)
        return tasks.sequences(str(case.settings["task"]), rows, rng, device)

    steps = max(1, round(case.number("examples") / case.batch))
    trained = train(net, batches(case.seed + 1, case.batch), steps, case.shape.width)
    if trained.diverged:
        return seen(case, net, trained, {}, unit)
    checks = list(islice(batches(0, 4 * HELD_OUT_ROWS), HELD_OUT_BATCHES))
    figures = held_out(net, checks)
    figures["forward_s"] = _forward_s(net, checks[0][0])
    return seen(case, net, trained, figures, unit)


def _labels(case: StudyCase, corpus: Corpus, device: torch.device) -> Seen:
    """Topics learned from labelled windows, after pre-training or from nothing."""
    assert case.shape is not None
    language = case.model_copy(
        update={
            "shape": case.shape.model_copy(update={"answers": None, "causal": True}),
            "batch": PRETRAINING_BATCH,
        }
    )
    net = net_of(case, device)
    if case.method == "finetune":
        base = net_of(language, device)
        trained = pretrained(language, base, corpus, int(case.number("tokens")), device)
        if trained.diverged:
            return seen(case, net, trained, {}, "sequences")
        kept = {key: it for key, it in base.state_dict().items() if not key.startswith("head.")}
        net.load_state_dict(kept, strict=False)
    examples, rng = int(case.number("labelled_examples")), np.random.default_rng(case.seed)
    starts = _starts(corpus.topics, case.shape.length, examples, rng)
    batches = _labelled(corpus.tokens, corpus.topics, starts, case, rng, device)
    steps = int(case.number("steps"))
    trained = train(net, batches, steps, case.shape.width, RATE_OF_FINETUNING)
    rng = np.random.default_rng(0)
    starts = _starts(corpus.held_out_topics, case.shape.length, 512, rng)
    checks = _labelled(corpus.held_out, corpus.held_out_topics, starts, case, rng, device)
    rounds = max(2, len(starts) // case.batch)
    return seen(case, net, trained, held_out(net, list(islice(checks, rounds))), "sequences")


def _starts(topics: np.ndarray, length: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Windows of one topic, as many of each as there are or as are wanted."""
    starts = np.arange((len(topics) - 1) // length) * length
    pure = rng.permutation(starts[topics[starts] == topics[starts + length - 1]])
    kinds = np.unique(topics[pure])
    each = -(-wanted // len(kinds))
    chosen = np.concatenate([pure[topics[pure] == kind][:each] for kind in kinds])
    return rng.permutation(chosen)[:wanted]


def _labelled(
    ids: np.ndarray,
    topics: np.ndarray,
    starts: np.ndarray,
    case: StudyCase,
    rng: np.random.Generator,
    device: torch.device,
) -> Iterator[Batch]:
    assert case.shape is not None
    while True:
        order = rng.permutation(starts)
        for part in np.array_split(order, max(1, len(order) // case.batch)):
            inputs, _ = cut(ids, part, case.shape.length, device)
            yield inputs, torch.from_numpy(topics[part].astype(np.int64)).to(device)


def _forward_s(net: Net, inputs: torch.Tensor) -> Estimate:
    """Seconds of a forward pass for each row, several rows at once."""
    rows = len(inputs)

    @torch.no_grad()
    def step() -> None:
        net(inputs)
        if inputs.is_cuda:
            torch.cuda.synchronize()

    found = seconds(step)
    low, high = (None if it is None else it / rows for it in (found.low, found.high))
    return Estimate(value=found.value / rows, low=low, high=high)
