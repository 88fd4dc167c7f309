"""`modelworth load` against the tests' own server: what is stored, and what a fault leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelworth.bench.load import summary
from modelworth.cli import main
from modelworth.data.store import open_store

STUB = Path(__file__).with_name("served_stub.py")


@contextmanager
def _stub(*arguments: str) -> Iterator[str]:
    command = [sys.executable, str(STUB), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        yield f"http://127.0.0.1:{it.stdout.readline().strip()}"
        it.stdin.close()


@pytest.fixture
def served() -> Iterator[str]:
    """The address of a quick stub: first token after 10 ms, then 1 ms each."""
    with _stub("--ttft-s", "0.01", "--tpot-s", "0.001") as url:
        yield url


def _load(url: str, tmp_path: Path, *more: str, status: int = 0) -> list:
    store = str(tmp_path / "load.db")
    short = ["--prompt-tokens", "60", "--new-tokens", "8", "--duration", "0.3"]
    assert main(["load", url, *short, "--store", store, *more]) == status
    with open_store(store) as kept:
        return kept.measurements()


def test_how_the_server_runs_is_said_and_kept(served, tmp_path):
    way = ["--kv-precision", "fp8_e4m3", "--drafted", "3", "--acceptance", "0.7"]
    (record,) = _load(served, tmp_path, "--concurrency", "1", "--requests", "12", *way)
    work = record.workload
    assert (work.cache_format, work.drafting.drafted) == ("fp8", 3)
    assert work.drafting.tokens_per_pass == pytest.approx(3.1)


def _log(url: str) -> list[dict]:
    with urllib.request.urlopen(f"{url}/log") as answer:
        return json.load(answer)


def test_a_closed_loop_leaves_a_record_for_each_level(served, tmp_path, capsys):
    records = _load(served, tmp_path, "--concurrency", "1,4", "--requests", "24", "--label", "lab")
    assert [record.load.concurrency_limit for record in records] == [1, 4]
    assert len({record.load.sweep for record in records}) == 1
    for record in records:
        serving = record.result.serving
        assert record.load.requests_ok >= 20
        assert serving.output_tokens == 8 * record.load.requests_ok
        assert serving.input_tokens == 60 * record.load.requests_ok
        assert record.load.in_flight_max <= record.load.concurrency_limit
        assert record.load.in_flight_mean == pytest.approx(record.load.concurrency_limit, rel=0.2)
        assert record.load.endpoint == "lab"
        assert "127.0.0.1" not in record.model_dump_json()
    assert "TTFT p50" in capsys.readouterr().out


def test_prompts_have_the_wished_length_and_unlike_starts(served, tmp_path):
    _load(served, tmp_path, "--concurrency", "2", "--requests", "12")
    counted = [row for row in _log(served) if row["prompt_tokens"] == 60]
    assert len(counted) >= 12
    starts = [" ".join(row["prompt"].split()[:8]) for row in counted]
    assert len(set(starts)) == len(starts)


def test_an_open_loop_sends_at_its_rate(served, tmp_path):
    (record,) = _load(served, tmp_path, "--rate", "40", "--arrivals", "constant", "--warmup", "0.1")
    assert record.load.mode == "open"
    assert record.load.requests_ok == pytest.approx(12, abs=4)  # some are sent late
    assert record.load.concurrency_limit is None
    assert record.workload.concurrency is None


FAULTS = {
    "die": "broken_off",
    "half_chunk": "broken_off",
    "429": "rate_limited",
    "500": "server_error",
    "stream_error": "stream_error",
    "hang": "timeout",
}


def test_too_many_requests_for_the_slots_show_as_a_queue(tmp_path):
    """Two slots of 20 ms: 100 requests a second; 150 come. Reported latency has the wait in it."""
    with _stub("--slots", "2", "--ttft-s", "0.013", "--tpot-s", "0.001") as url:
        rate = ["--rate", "150", "--arrivals", "constant", "--duration", "1", "--warmup", "0.1"]
        (record,) = _load(url, tmp_path, *rate)
    serving = record.result.serving
    assert serving.ttft.p50_s > 0.1
    assert serving.ttft.p50_s > 20 * serving.tpot.p50_s


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fourth_request_goes_wrong_and_is_recorded(served, tmp_path, fault, capsys):
    """The questions before the test may meet the fault, too; then nothing is measured at all."""
    named = ["--model", f"stub;fault={fault};every=5", "--timeout", "0.2"]
    (record,) = _load(served, tmp_path, *named, "--concurrency", "3", "--requests", "30")
    load = record.load
    assert load.requests_failed >= 4
    assert load.failures == {FAULTS[fault]: load.requests_failed}
    assert load.requests_ok >= 15
    assert record.status == "ok"
    assert f"{load.requests_failed} {FAULTS[fault]}" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["role_first", "empty_first", "reasoning"])
def test_what_is_odd_but_right_counts(served, tmp_path, fault):
    named = ["--model", f"stub;fault={fault}"]
    (record,) = _load(served, tmp_path, *named, "--concurrency", "2", "--requests", "12")
    assert record.load.requests_failed == 0
    serving = record.result.serving
    assert serving.output_tokens == 8 * record.load.requests_ok
    assert serving.ttft.p50_s >= 0.01


def test_without_usage_there_are_requests_but_no_tokens(served, tmp_path, capsys):
    named = ["--model", "stub;fault=no_usage"]
    (record,) = _load(served, tmp_path, *named, "--concurrency", "2", "--requests", "12")
    assert record.result.unit == "sequences"
    assert record.result.serving.output_tokens_per_s is None
    assert record.load.without_usage == record.load.requests_ok
    assert "counts no tokens" in capsys.readouterr().out


def test_a_server_that_refuses_extra_fields_is_asked_without(served, tmp_path):
    named = ["--model", "stub;strict=1"]
    (record,) = _load(served, tmp_path, *named, "--concurrency", "2", "--requests", "12")
    assert record.load.requests_failed == 0


def test_a_client_that_is_the_limit_says_so(served, tmp_path, capsys, monkeypatch):
    """When it counts as busy is another test's matter; here it always does."""
    monkeypatch.setattr(summary, "BOUND_BUSY", -1.0)
    (record,) = _load(served, tmp_path, "--concurrency", "2", "--requests", "8")
    assert record.load.client_bound
    assert "no capacity" in capsys.readouterr().err


def test_a_common_start_is_seen_in_the_cached_share(served, tmp_path):
    named = ["--model", "stub;cache=1", "--shared-prefix", "0.5"]
    (record,) = _load(served, tmp_path, *named, "--concurrency", "1", "--requests", "12")
    assert record.load.cached_share == pytest.approx(0.5, abs=0.05)
    assert record.load.shared_prefix == 0.5


def test_ones_own_traffic(served, tmp_path):
    rows = [{"prompt": f"question {n} about it", "max_tokens": n + 1} for n in range(4)]
    file = tmp_path / "traffic.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    (record,) = _load(
        served, tmp_path, "--dataset", str(file), "--concurrency", "1", "--requests", "40"
    )
    assert record.result.serving.output_tokens == pytest.approx(
        2.5 * record.load.requests_ok, rel=0.1
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://127.0.0.1:9", "--concurrency", "0"], "--concurrency"),
        (["http://127.0.0.1:9", "--concurrency", "1.5"], "whole numbers"),
        (["http://127.0.0.1:9", "--rate", "fast"], "--rate"),
        (["http://127.0.0.1:9", "--rate", "1", "--concurrency", "1"], "--rate"),
        (["http://127.0.0.1:9", "--prompt-tokens", "many"], "--prompt-tokens"),
        (["http://127.0.0.1:9", "--prompt-tokens", "9-3"], "lower number first"),
        (["http://127.0.0.1:9", "--shared-prefix", "2"], "--shared-prefix"),
        (["http://127.0.0.1:9", "--api-key-env", "NO_SUCH_KEY"], "--api-key-env"),
        (["http://me:secret@127.0.0.1:9"], "without"),
        (["ftp://127.0.0.1"], "URL"),
        (["http://example.invalid"], "--device"),
        (["http://127.0.0.1:9", "--tokenizer", "/nowhere"], "--tokenizer"),
        (["http://127.0.0.1:9", "--dataset", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_input_is_refused_in_two_lines(arguments, said, tmp_path, capsys):
    assert main(["load", *arguments, "--store", str(tmp_path / "x.db")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) <= 2
    assert "secret" not in error


def test_ctrl_c_keeps_what_is_done(served, tmp_path):
    """Interrupted once the server has answered fifty requests: the point so far is a record."""
    store = str(tmp_path / "load.db")
    command = [sys.executable, "-m", "modelworth", "load", served, "--concurrency", "2,4"]
    command += ["--duration", "1000", "--new-tokens", "8", "--store", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        while len(_log(served)) < 50:
            assert it.poll() is None
            time.sleep(0.05)
        it.send_signal(signal.SIGINT)
        _, error = it.communicate()
    assert it.returncode == 130
    assert "what was finished is kept" in error
    with open_store(store) as kept:
        (record,) = kept.measurements()
    assert record.load.requests_ok >= 20
    assert record.load.duration_s < 1000


@pytest.mark.slow
def test_a_search_leaves_a_record_for_each_trial(served, tmp_path, capsys):
    """No request of a busy machine ends within a microsecond: the least load doesn't hold."""
    terms = ["--objective", "e2e_p50<0.001ms", "--requests", "3"]
    records = _load(served, tmp_path, *terms, "--warmup", "0.05")
    assert 1 <= len(records) <= 12
    assert {record.load.objective for record in records} == {("e2e_p50<0.001ms",)}
    assert len({record.load.sweep for record in records}) == 1
    assert "no load keeps" in capsys.readouterr().out


def test_nobody_there_is_said(tmp_path, capsys):
    assert main(["load", "http://127.0.0.1:9", "--store", str(tmp_path / "x.db")]) == 1
    assert "must answer" in capsys.readouterr().err
