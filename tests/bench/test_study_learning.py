"""Learning runs: nets counted by hand, tasks solved by hand, failures that are records."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
import torch

from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.study import corpus as corpora
from modelworth.bench.study import examples, learning, plans, runner, tasks, worker
from modelworth.bench.study.case import StudyCase, record
from modelworth.bench.study.nets import Net
from modelworth.bench.study.shape import Shape, size
from modelworth.bench.study.texts import Document, folder_documents, licences
from modelworth.bench.study.training import schedule, windows
from modelworth.data.errors import InputError
from modelworth.data.measurement import Machine, Provenance
from modelworth.data.record_text import parse, serialise
from modelworth.data.store import open_store

CPU = torch.device("cpu")
SHAPE = Shape(vocabulary=280, length=16, width=16, layers=1, heads=1)
MACHINE = Machine(device="a made-up device", kind="cpu")
PROVENANCE = Provenance(origin="measured", tool="a test")


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "one", "two", "three"]
    texts = [" ".join(rng.choice(words, 1500)) for _ in range(40)]
    documents = [Document(text, f"topic {place % 2}") for place, text in enumerate(texts)]
    return corpora.build(documents, 280, "a test")


def scratch(**settings):
    return StudyCase(
        study="learning",
        method="scratch",
        shape=SHAPE,
        batch=4,
        settings={"tokens": 2000, **settings},
        corpus="made up",
    )


def test_a_nets_parameters_are_those_of_gpt_2():
    """12·w² + 13·w a block, embeddings, the last norm, a head of its own."""
    shape = Shape(vocabulary=300, length=32, width=48, layers=3, heads=3)
    block = 12 * 48**2 + 13 * 48
    expected = 300 * 48 + 32 * 48 + 3 * block + 2 * 48 + 300 * 48
    net = Net(shape)
    assert net.parameters_total() == expected
    assert net.parameters_matmul() == expected - 300 * 48 - 32 * 48


def test_a_position_of_a_language_model_sees_nothing_ahead():
    net = Net(SHAPE)
    net.head.weight.data.normal_()
    ids = torch.randint(0, 280, (1, 16))
    changed = ids.clone()
    changed[0, 9:] = 0
    assert torch.allclose(net(ids)[0, :9], net(changed)[0, :9], atol=1e-5)
    assert not torch.allclose(net(ids)[0, 9:], net(changed)[0, 9:])


def test_a_pass_takes_every_window_once():
    ids = np.arange(81)
    batches = list(islice(windows(ids, 8, 2, np.random.default_rng(0), CPU), 5))
    starts = sorted(row[0].item() for inputs, _ in batches for row in inputs)
    assert starts == list(range(0, 80, 8))
    assert all(torch.equal(targets, inputs + 1) for inputs, targets in batches)


def test_the_rate_rises_and_falls_to_nearly_nothing():
    rates = [schedule(step, 100) for step in range(100)]
    assert max(rates) == 1
    assert rates[0] == pytest.approx(0.2)
    assert rates[-1] == pytest.approx(1 / 95)
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_translations_follow_the_made_up_language():
    inputs, targets = next(tasks.sequences("translation", 16, np.random.default_rng(5), CPU))
    language = np.random.default_rng(0).permutation(examples.WORDS)
    row, answer = inputs[3].numpy(), targets[3].numpy()
    said = row[: examples.SENTENCE] - examples.SPECIAL
    asked = answer[answer >= 0] - examples.SPECIAL - examples.WORDS
    swapped = [said[place + 1 - 2 * (place % 2)] for place in range(examples.SENTENCE)]
    assert asked.tolist() == language[swapped].tolist()


def test_the_answer_to_a_question_stands_behind_its_key():
    inputs, targets = next(tasks.sequences("question", 16, np.random.default_rng(5), CPU))
    for row, answer in zip(inputs.tolist(), targets.tolist(), strict=True):
        passage, key = row[: 2 * examples.FACTS], row[-1]
        assert passage[passage.index(key) + 1] == answer[-1]
        assert set(answer[:-1]) == {-100}


def test_held_out_documents_are_whole_and_apart(corpus):
    ends = int((corpus.held_out == 0).sum())
    assert ends == 4
    assert int((corpus.tokens == 0).sum()) == 36
    assert corpus.topic_names == ("topic 0", "topic 1")


def test_bytes_per_token_count_the_text(corpus):
    tokens = len(corpus.tokens) + len(corpus.held_out) - 40  # an end each
    assert corpus.bytes_per_token * tokens == pytest.approx(
        sum(len(w) + 1 for w in ("red", "green", "blue", "one", "two", "three")) / 6 * 60_000,
        rel=0.02,
    )


def test_a_corpus_comes_back_from_its_file(corpus, tmp_path):
    corpus.save(tmp_path / "kept.npz")
    again = corpora.Corpus.load(tmp_path / "kept.npz")
    assert again.digest == corpus.digest
    assert np.array_equal(again.tokens, corpus.tokens)
    assert again.topic_names == corpus.topic_names


def test_training_learns_the_words_there_are(corpus):
    """Six words in random order: no model can do better than ln 6 a word."""
    seen = learning.run(scratch(tokens=12_000), corpus, CPU)
    loss = seen.figures["held_out_loss_nats"]
    words = len(corpus.held_out) / 6000  # tokens a word, roughly
    assert seen.diverged is None
    assert np.log(6) / words * 0.9 < loss.value < 3.0
    assert loss.low <= loss.value <= loss.high
    assert 0 <= seen.figures["cloze_share"].value <= 1


def test_the_same_seed_trains_the_same_model(corpus):
    first, again = (learning.run(scratch(), corpus, CPU).figures for _ in range(2))
    assert first["held_out_loss_nats"] == again["held_out_loss_nats"]


def test_a_lost_loss_is_a_recorded_result(corpus):
    case = scratch(tokens=4000, peak_rate=1e25)
    seen = learning.run(case, corpus, CPU)
    made = record(case, WorkerEnd(status="ok", value=seen.model_dump_json()), MACHINE, PROVENANCE)
    assert made.status == "error"
    assert "no longer a number at step" in made.reason
    assert made.study.settings["peak_rate"] == 1e25
    assert parse(serialise(made)) == made


def test_running_out_of_memory_is_a_recorded_result():
    huge = Shape(vocabulary=10**6, length=16, width=10**6, layers=1, heads=1)
    case = scratch().model_copy(update={"shape": huge})
    outcome = worker.worker.end_of(lambda: str(learning.net_of(case, CPU)))
    made = record(case, outcome, MACHINE, PROVENANCE)
    assert made.status == "oom"
    assert "no memory for another" in made.reason


def test_labels_teach_topics_to_a_pretrained_and_to_a_new_model(corpus):
    shape = SHAPE.model_copy(update={"answers": 8, "causal": False})
    for method, more in (("finetune", {"tokens": 2000}), ("labels_only", {})):
        settings = {"labelled_examples": 16, "steps": 3, **more}
        case = scratch().model_copy(update={"shape": shape, "method": method, "settings": settings})
        seen = learning.run(case, corpus, CPU)
        assert 0 <= seen.figures["accuracy_share"].value <= 1


def test_a_ladder_has_each_run_once():
    cases = plans.learning(plans.STANDARD["learning"], 512, "digest", "cpu")
    assert len({case.id for case in cases}) == len(cases)
    sizes = {case.shape.name for case in cases if case.method == "scratch"}
    assert sizes == set(plans.STANDARD["learning"].sizes)


@pytest.mark.parametrize("text", ["64", "64x0", "20x2", "x4", "64*4"])
def test_a_wrong_size_is_refused(text):
    with pytest.raises(InputError, match="WIDTHxLAYERS"):
        size(text)


def test_a_folder_may_mix_kinds_of_files(tmp_path):
    import pandas as pd

    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.jsonl").write_text('{"text": "second"}\n\n{"content": "third"}\n')
    pd.DataFrame({"body": ["fourth", None]}).to_parquet(tmp_path / "c.parquet")
    assert [it.text for it in folder_documents(tmp_path)] == ["first", "second", "third", "fourth"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.jsonl", b"{"), ("x.jsonl", b'{"id": 1}'), ("x.parquet", b"PAR1"), ("x.bin", b"")],
)
def test_a_folder_without_text_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        list(folder_documents(tmp_path))


def test_too_little_text_is_refused():
    with pytest.raises(InputError, match="20 documents"):
        corpora.build([Document("short", "x")], 280, "a test")


def test_every_package_of_the_default_text_states_a_licence():
    assert "not stated" not in licences().values()


def fake(monkeypatch, stop_after=None):
    """Workers that answer at once; the run is broken off where `stop_after` says."""
    done = []

    class Answer:
        def __init__(self, job, time_limit_s, module):
            assert module == runner.MODULE
            self.case = json.loads(json.dumps(job["case"]))

        def wait(self, seconds):
            if stop_after is not None and len(done) == stop_after:
                raise KeyboardInterrupt
            done.append(self.case)
            seen = {"unit": "tokens", "work_per_step": 4, "samples_s": [0.1, 0.1]}
            return WorkerEnd(status="ok", value=json.dumps(seen))

        def discard(self):
            pass

    monkeypatch.setattr(runner, "Attempt", Answer)
    return done


def test_a_study_that_is_killed_goes_on_where_it_was(monkeypatch, tmp_path):
    cases = [scratch(tokens=tokens) for tokens in (1000, 2000, 3000, 4000)]
    with open_store(str(tmp_path / "lab.db")) as store:
        fake(monkeypatch, stop_after=2)
        with pytest.raises(KeyboardInterrupt):
            list(runner.run(cases, store))
        assert store.count() == 2
        done = fake(monkeypatch)
        list(runner.run(cases, store))
        assert [case["settings"]["tokens"] for case in done] == [3000, 4000]
        assert store.count() == 4
        assert list(runner.run(cases, store)) == []
        assert len(list(runner.run(cases, store, again=True))) == 8
