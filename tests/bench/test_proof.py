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


def a_step(title, take, **more):
    return Step(title, "good", take, **more)


def test_a_step_that_fails_is_a_finding_and_the_next_goes_on():
    def fails():
        yield one.session.progress.event("tick")
        raise ModelworthError("oom: no memory")

    def works():
        yield one.session.progress.event("tick")
        return "a | b", True

    one = begun()
    steps = [a_step("first", fails), a_step("second", works), a_step("third", works, of_gpu=True)]
    assert [event.message for event in one.run(steps) if event.kind == "notice"] == [
        "first: NOT as it should be: oom: no memory",
        "second: good: a | b",
        "third: seen: a | b",
    ]
    one.measured["a"] = kept(seen())
    page = proof.page("cpu", one.measured.values(), one.findings)
    assert "| first | 0 | **no** | oom: no memory | good |" in page
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
    monkeypatch.setattr(proof_jobs, "own_device", lambda _: SimpleNamespace(type="cuda"))
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
    proof_plan.case_of.cache_clear()
    yield
    proof_plan.case_of.cache_clear()


class Simulated(Session):
    """A machine on which all but compiling takes as long as guessed; compiling, `slow` times."""

    def __init__(self, now, slow):
        super().__init__(None, proof_plan.LIMITS["cuda"], suite=proof.NAME)
        self.now, self.slow, self.compiled, self.seen = now, slow, set(), {}

    def measured(self, case):
        again, pace = case.id in self.compiled, expected.Pace(self.slow, self.slow)
        rest_s = expected._rest_s(self.limits, case)
        taken_s = expected.expected_s(self.limits, case, again=again, pace=pace)
        self.compiled.add(case.id)
        self.asked_s = self.now[0]
        self.phases_s = {"building": 0.0}
        ended = taken_s <= self.limits.start_limit_s
        if case.workload.compiled:
            self.phases_s["compiling"] = 0.0
            if ended:
                self.phases_s["warming"] = taken_s - rest_s
        self.phases_s |= {"timing": taken_s} if ended else {}
        self.now[0] += min(taken_s, self.limits.start_limit_s)
        self.seen.setdefault((case.model, case.workload.kind), case.workload.compiled)
        yield self.progress.event("tick")
        record = kept(seen())
        return record if ended else record.model_copy(update={"status": "timeout", "result": None,
                                                              "reason": "too slow"})  # fmt: skip


def simulated(slow, monkeypatch):
    now = [100.0]
    one = proof.Proof("cuda", Simulated(now, slow), None)
    monkeypatch.setattr(proof, "perf_counter", lambda: now[0])

    def job(self, action, **given):
        case = given.get("case")
        busy_s = proof_plan.JOB_S[action] + expected.STARTING_S["cuda"]
        if action == "replay":
            busy_s += 18 * slow
        now[0] += min(busy_s, self._within(proof.JOB_LIMIT_S))
        yield self.session.progress.event("tick")
        raise ModelworthError(f"nothing is looked at here: {case and case['model']}")

    def search(*_, **__):
        now[0] += 4 * 8.0
        yield one.session.progress.event("end", "batch 64 fits")

    monkeypatch.setattr(proof.Proof, "_job", job)
    monkeypatch.setattr(proof.search, "run", search)
    list(one.run(one.steps()))
    left_out = [found.title for found in one.findings if "left out" in found.seen]
    return one, left_out, now[0] - 100


def test_all_steps_end_in_time_on_a_machine_as_it_was_guessed(h100, monkeypatch):
    one, left_out, took_s = simulated(1.0, monkeypatch)
    assert not left_out
    assert took_s <= proof.BUDGET_S
    assert not one.brief
    assert len(one.findings) == 16


@pytest.mark.parametrize("slow", [0.2, 2.0, 4.0, 10.0, 40.0])
def test_however_slow_a_compiler_is_what_matters_most_comes_and_all_ends_in_time(
    slow, h100, monkeypatch
):
    """What is left out is what matters least; the guess is corrected by the first case."""
    one, left_out, took_s = simulated(slow, monkeypatch)
    assert took_s <= proof.BUDGET_S + 1
    assert one.pace.compiling == pytest.approx(slow) or slow == 40.0
    compiled = one.session.seen
    assert compiled["ladder-160m", "decode"]
    assert compiled["llama-3.1-8b", "decode"] == (slow <= 4)
    assert compiled["gpt3-1.3b", "pretrain"] == (slow <= 2)
    assert not {"decode, one sequence", "training", "more than fits"} & set(left_out)
    assert one.brief or not left_out


def test_a_step_is_ended_at_its_bound(h100, monkeypatch):
    """A case that hangs costs its own bound, not the others' time."""
    now = [0.0]
    monkeypatch.setattr(proof, "perf_counter", lambda: now[0])
    one = proof.Proof("cuda", Session(None, proof_plan.LIMITS["cuda"]), None)
    one.pace, limits = expected.Pace(rest=0.99), []

    def hangs(case):
        limits.append(one.session.limits)
        now[0] += one.session.limits.start_limit_s
        yield one.session.progress.event("tick")
        return kept(seen()).model_copy(update={"status": "timeout", "result": None})

    monkeypatch.setattr(one.session, "measured", hangs)
    list(one.run([step for step in one.steps() if step.cases == ("decode",)]))
    need_s = proof_plan.expected("cuda", [s for s in one.steps() if s.cases == ("decode",)])[0]
    assert limits[0].start_limit_s == pytest.approx(3 * need_s, rel=0.01)
    assert now[0] <= 3 * need_s + 1


def test_what_is_compiled_or_probed_once_is_expected_once(h100):
    steps = begun().steps()
    once = proof_plan.expected("cuda", steps)
    twice = proof_plan.expected("cuda", [*steps, *steps])
    compiled = [
        proof_plan.case_of("cuda", key)
        for key in ("small", "decode", "train", "train fp8", "mixture", "written")
    ]
    saved = sum(expected.expected_s(None, one) - expected.expected_s(None, one, again=True)
                for one in compiled)  # fmt: skip
    assert sum(once) - sum(twice[len(steps) :]) == pytest.approx(2 * expected.PROBING_S + saved)


def test_every_case_of_the_plan_is_what_a_step_measures(h100, monkeypatch):
    """The plan names what the steps ask for, so that the time of each is in the estimate."""
    one, asked = begun(), []
    one.device = "cuda"
    for step in one.steps():
        asked.clear()
        monkeypatch.setattr(proof, "case_of", lambda _, key, **__: asked.append(key) or _refused())
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


def test_a_processor_that_falls_behind_hurries():
    limits = proof_plan.limits_of("cpu", "small", brief=True)
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
