"""The proof of a device: every step ends in a finding, and the page says what was seen."""

from __future__ import annotations

import json
import warnings
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from modelworth.bench.run import expected, proof, proof_jobs, proof_plan  # noqa: E402 torch may be absent
from modelworth.bench.run.proof_plan import Step  # noqa: E402
from modelworth.bench.run.request import Request  # noqa: E402
from modelworth.bench.run.session import Session  # noqa: E402
from modelworth.bench.work import infer  # noqa: E402
from modelworth.data.errors import ModelworthError  # noqa: E402
from tests.bench.test_record import kept, seen  # noqa: E402

TWO_MINUTES = (
    "environment",
    "attention kernels",
    "small model, decode",
    "replayed step beside a full pass",
    "transformers' own generate",
    "number formats of its products",
    "more than fits",
)
"""Steps that show most of what the others show, in about two minutes."""


def begun() -> proof.Proof:
    session = Session(None, proof_plan.LIMITS["cpu"], suite=proof.NAME)
    return proof.Proof("cpu", session, None)


def test_a_step_that_fails_is_a_finding_and_the_next_goes_on():
    def fails():
        yield one.session.progress.event("tick")
        raise ModelworthError("oom: no memory")

    def works():
        yield one.session.progress.event("tick")
        return proof.Finding("", "a | b", "good", True)

    one = begun()
    events = list(one.run((Step("first", fails), Step("second", works))))
    assert [event.message for event in events if event.kind == "notice"] == [
        "first: NOT as it should be: oom: no memory",
        "second: good: a | b",
    ]
    one.measured["a"] = kept(seen())
    page = proof.page("cpu", one.measured.values(), one.findings)
    assert "| first | 0 | **no** | oom: no memory | runs |" in page
    assert "| second | 0 | yes | a ¦ b | good |" in page
    assert "Test CPU" in page
    assert "no GPU's figures" in page


def test_products_are_counted_by_their_widest_format():
    with proof_jobs._Formats() as counted:
        wide, narrow = torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bfloat16)
        wide @ wide
        narrow @ narrow
        wide.to(torch.bfloat16) @ narrow
        torch.ones(1, 3, 1) @ torch.ones(1, 1, 3)  # no sum, as the angles of rotary positions
    assert counted.counts == {"float32": 1, "bfloat16": 2}


def test_switching_the_look_out_on_is_no_waiting(monkeypatch):
    """PyTorch says so once, in words that speak of synchronizing as well."""
    said = {"warn": "Synchronization debug mode is a prototype feature and does not yet detect all "
            "synchronizing operations"}  # fmt: skip

    def switched(mode):
        if mode in said:
            warnings.warn(said[mode], stacklevel=1)

    monkeypatch.setattr(proof_jobs.torch.cuda, "set_sync_debug_mode", switched)
    gpu = SimpleNamespace(device=lambda _: SimpleNamespace(type="cuda"))
    monkeypatch.setattr(proof_jobs, "Ranks", lambda: gpu)
    waits = iter([None, "called a synchronizing CUDA operation (Triggered internally)", None, None])

    def step():
        if text := next(waits):
            warnings.warn(text, stacklevel=1)

    monkeypatch.setattr(proof_jobs, "prepare", lambda *_: SimpleNamespace(step=step))
    job = {"case": Request(model="ladder-1m", work="pretrain").case("cpu").model_dump(mode="json")}
    assert [proof_jobs.products(job)["syncs"] for _ in range(2)] == [1, 0]


def test_sixteen_steps_are_promised():
    assert len(begun().steps()) == 16


@pytest.fixture
def h100(monkeypatch):
    """A GPU that can do all that is asked for."""
    found = SimpleNamespace(name="H100", capability=(9, 0))
    monkeypatch.setattr("modelworth.bench.run.request.gpu", lambda: found)


def test_all_steps_end_within_nine_minutes_of_a_simulated_clock(h100, monkeypatch):
    """Each case, probe and job lets as much time go by as the code expects of it."""
    one, now = begun(), [100.0]
    one.device = "cuda"
    planned = dict(zip((step.title for step in one.steps()),
                       proof_plan.expected("cuda", one.steps()), strict=True))  # fmt: skip
    monkeypatch.setattr(proof, "perf_counter", lambda: now[0])

    def passes(title):
        def step():
            now[0] += planned[title]
            yield one.session.progress.event("tick")
            return proof.Finding("", "seen", "good", True)

        return step

    list(one.run([Step(step.title, passes(step.title)) for step in one.steps()]))
    assert [found.holds for found in one.findings] == [True] * 16
    assert now[0] - 100 <= 540
    assert planned["training in fp8"] > proof_plan.expected("cuda", one.steps())[4]  # it compiles


def test_what_is_compiled_or_probed_once_is_expected_once(h100):
    steps = begun().steps()
    once = proof_plan.expected("cuda", steps)
    twice = proof_plan.expected("cuda", [*steps, *steps])
    saved = sum(once) - sum(twice[len(steps):])  # fmt: skip
    compiled = {"small", "decode", "train", "train fp8", "mixture", "written"}
    again_s = expected.COMPILING_S["cuda"] - expected.COMPILED_BEFORE_S
    assert saved == pytest.approx(2 * expected.PROBING_S + len(compiled) * again_s)


def test_every_case_of_the_plan_is_what_a_step_measures(h100, monkeypatch):
    """The plan names what the steps ask for, so that the time of each is in the estimate."""
    one, asked = begun(), []
    one.device = "cuda"
    for step in one.steps():
        asked.clear()
        monkeypatch.setattr(proof, "case_of", lambda _, key: asked.append(key) or _refused())
        list(one.run([step]))
        named = {key for key in (*step.cases, *(job.partition(" ")[2] for job in step.jobs)) if key}
        assert set(asked) <= named
        assert asked or not named


def _refused():
    raise ModelworthError("not here")


def test_a_processor_is_told_that_it_trains_in_no_fp8():
    one = begun()
    list(one.run([step for step in one.steps() if step.title == "training in fp8"]))
    (found,) = one.findings
    assert found.seen.startswith("not on this device: fp8, pretrain of a decoder on cpu: ")
    assert "capability 8.9" in found.seen
    assert found.holds is None


def test_no_step_begins_when_the_ten_minutes_are_nearly_over(monkeypatch):
    monkeypatch.setattr(proof, "LAST_START_S", -1.0)
    one = begun()
    list(one.run([Step(title, lambda: pytest.fail("begun")) for title in ("first", "second")]))
    assert [found.holds for found in one.findings] == [False, False]
    assert all("left out" in found.seen for found in one.findings)


def test_a_processor_that_falls_behind_hurries(monkeypatch):
    monkeypatch.setattr(proof, "HURRY_S", -1.0)
    one = begun()

    def step():
        yield one.session.progress.event("tick")
        return proof.Finding("", "a", "b", True)

    list(one.run([Step("first", step)]))
    limits = proof_plan.limits_of("cpu", "small").model_copy(update=one.hurried)
    assert (limits.timed_s, limits.min_samples, limits.memory) == (0.1, 1, False)
    assert limits.start_limit_s == proof_plan.LIMITS["cpu"].start_limit_s


@pytest.mark.slow
def test_two_minutes_of_the_proof_on_a_processor():
    one = begun()
    list(one.run([step for step in one.steps() if step.title in TWO_MINUTES]))
    found = {finding.title: finding for finding in one.findings}
    assert tuple(found) == TWO_MINUTES
    wrong = [finding for finding in one.findings if finding.holds is False]
    assert not wrong, wrong
    assert "0 times" in found["number formats of its products"].seen
    assert one.measured["crowded"].status == "oom"


def test_a_replayed_step_says_what_a_full_pass_says():
    request = Request(model="ladder-1m", work="generate", prompt_tokens=8, new_tokens=9)
    job = {"action": "replay", "case": request.case("cpu").model_dump(mode="json")}
    found = json.loads(proof_jobs.run(job).value)
    assert found["relative_difference"] < 1e-5
    assert found["tokens"] == proof_jobs.REPLAYED


def test_a_captured_step_is_read_where_it_writes(monkeypatch):
    """A graph fills the tensors of its capture, whatever a prompt read since has left elsewhere."""

    def captured(decoder, _):
        decoder.rewind(decoder.size.context - 1)
        decoder.advance()
        place = decoder.logits

        def replay():
            shown = decoder.logits
            decoder.advance()
            with torch.inference_mode():
                place.copy_(decoder.logits)
            decoder.logits = shown

        return replay, True

    monkeypatch.setattr(infer, "graphed", captured)
    request = Request(model="ladder-1m", work="generate", prompt_tokens=8, new_tokens=9)
    found = proof_jobs.replay({"case": request.case("cpu").model_dump(mode="json")})
    assert found["captured"]
    assert found["relative_difference"] < 1e-5
