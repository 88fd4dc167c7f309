"""Recorded metric texts of servers, and what their tokens cost, by hand."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from modelworth.bench.load.metrics import read_metrics, window
from modelworth.cli import main
from modelworth.costmodel.business.metered import Owned, elsewhere_usd_per_million, metered
from modelworth.data.api_prices import ApiPrice
from modelworth.data.errors import InputError
from modelworth.data.server_metrics import metric_names
from modelworth.data.store import open_store


def vllm(prompt: int, output: int, running: int, hits: int = 0) -> str:
    """As vLLM 0.10 and later write it, two replicas behind one address."""
    label = '{engine="0",model_name="llama"}'
    other = '{engine="1",model_name="llama"}'
    return f"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{label} {running}.0
vllm:num_requests_running{other} 1.0
vllm:num_requests_waiting{label} 2.0
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{label} {prompt}.0
vllm:prompt_tokens_total{other} 1e+06
vllm:prompt_tokens_created{label} 1.7638e+09
vllm:generation_tokens_total{label} {output}.0
vllm:prefix_cache_queries_total{label} {prompt}.0
vllm:prefix_cache_hits_total{label} {hits}.0
vllm:kv_cache_usage_perc{label} 0.25
vllm:kv_cache_usage_perc{other} 0.75
vllm:time_to_first_token_seconds_bucket{{le="0.1",model_name="llama"}} 3.0
vllm:time_to_first_token_seconds_sum{label} {prompt / 1e6}
vllm:time_to_first_token_seconds_count{label} {prompt // 1000}.0
vllm:request_success_total{{finished_reason="length",model_name="llama"}} {output // 100}.0
vllm:request_success_total{{finished_reason="stop",model_name="llama"}} 7.0
process_cpu_seconds_total 12.5
"""


SGLANG = """# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{{model_name="q",is_streaming="false"}} {0}.0
sglang:prompt_tokens_total{{model_name="q",is_streaming="true"}} 500.0
sglang:generation_tokens_total{{model_name="q",is_streaming="true"}} {1}.0
sglang:cached_tokens_total{{model_name="q",cache_source="device"}} {2}.0
sglang:cached_tokens_total{{model_name="q",cache_source="host"}} 100.0
sglang:num_running_reqs{{model_name="q",tp_rank="0"}} 4.0
sglang:num_running_reqs{{model_name="q",tp_rank="1"}} 4.0
sglang:num_queue_reqs{{model_name="q",tp_rank="0"}} 0.0
sglang:token_usage{{model_name="q",tp_rank="0"}} 0.31
"""
TGI = """# TYPE tgi_request_input_length histogram
tgi_request_input_length_bucket{{le="1000"}} 5
tgi_request_input_length_sum {0}
tgi_request_input_length_count 5
# TYPE tgi_request_generated_tokens histogram
tgi_request_generated_tokens_sum {1}
tgi_request_success{{method="batch"}} 5
# TYPE tgi_batch_current_size gauge
tgi_batch_current_size 0
tgi_queue_size 0
"""


def test_vllm_an_hour_of_two_gpus():
    """7.2 M in and 1.8 M out in an hour of two GPUs at $2.50: 5 / 9 USD a million tokens."""
    seen = window([
        read_metrics(vllm(0, 0, 0), 0.0),
        read_metrics(vllm(7_200_000, 1_800_000, 3, hits=3_600_000), 3600.0),
    ])  # fmt: skip
    assert (seen.engine, seen.duration_s) == ("vllm", 3600.0)
    assert (seen.input_tokens, seen.output_tokens) == (7_200_000, 1_800_000)
    assert (seen.cached_share, seen.cache_usage) == (0.5, 0.5)
    assert (seen.running, seen.running_max, seen.waiting) == (2.5, 4.0, 2.0)
    assert seen.requests == 18_000
    assert seen.ttft_mean_s == pytest.approx(1e-3)
    cost = metered(
        usd_per_hour=2 * 2.50, duration_s=3600.0, input_tokens=7.2e6, output_tokens=1.8e6,
        busy_share=0.5, capacity_tokens_per_s=1000.0,
    )  # fmt: skip
    assert cost.reserved == pytest.approx(5 / 9)
    assert cost.used == pytest.approx(2.5 / 9)
    assert cost.output_alone == pytest.approx(5 / 1.8)
    assert cost.load_share == pytest.approx(0.5)  # 500 of 1,000 output tokens a second
    assert cost.at_capacity == pytest.approx(2.5 / 9)
    assert cost.idle_usd_per_hour == pytest.approx(2.5)


def test_sglang_counts_ranks_once_and_sources_of_cached_tokens_together():
    seen = window([
        read_metrics(SGLANG.format(1000, 200, 0), 10.0),
        read_metrics(SGLANG.format(4000, 800, 1500), 70.0),
    ])  # fmt: skip
    assert (seen.input_tokens, seen.output_tokens, seen.cached_share) == (3000, 600, 0.5)
    assert (seen.running, seen.waiting, seen.cache_usage) == (4.0, 0.0, 0.31)
    # a minute at $3.60 an hour is 6 cents for 3,600 tokens
    cost = metered(usd_per_hour=3.60, duration_s=60.0, input_tokens=3000, output_tokens=600,
                   busy_share=1.0)  # fmt: skip
    assert cost.reserved == cost.used == pytest.approx(0.06 / 3600 * 1e6)


def test_tgi_counts_by_the_sums_of_its_histograms():
    seen = window([
        read_metrics(TGI.format(100, 50), 0.0),
        read_metrics(TGI.format(2100, 550.0), 36.0),
    ])  # fmt: skip
    assert (seen.engine, seen.input_tokens, seen.output_tokens) == ("tgi", 2000, 500)
    assert (seen.cached_share, seen.busy_share) == (None, 0.0)
    cost = metered(usd_per_hour=1.0, duration_s=36.0, input_tokens=2000, output_tokens=500,
                   busy_share=seen.busy_share)  # fmt: skip
    assert cost.reserved == pytest.approx(4.0)  # a cent for 2,500 tokens
    assert cost.used == 0.0


def test_llama_cpp_and_tensorrt_llm_by_their_own_names():
    seen = read_metrics(
        "llamacpp:prompt_tokens_total 12\nllamacpp:tokens_predicted_total 30\n"
        "llamacpp:requests_processing 2\n",
        0.0,
    )
    assert seen.values == {"input_tokens": 12, "output_tokens": 30, "running": 2}
    assert read_metrics('trtllm_kv_cache_utilization{a="b"} 0.5\n', 0.0).engine == "tensorrt-llm"


def test_a_restart_and_bad_lines():
    seen = window([
        read_metrics("vllm:prompt_tokens_total 1000\nvllm:generation_tokens_total NaN\n", 0.0),
        read_metrics("vllm:prompt_tokens_total 50\nx{ 3\nvllm:prompt_tokens_total{} lots\n", 5.0),
    ])  # fmt: skip
    assert seen.input_tokens == 50
    assert seen.output_tokens is None
    with pytest.raises(InputError, match="no metric of a known server"):
        read_metrics("process_cpu_seconds_total 3\n", 0.0)
    with pytest.raises(ValueError, match="two readings"):
        window([read_metrics("vllm:prompt_tokens_total 1\n", 0.0)])


def test_every_name_is_told_apart():
    rows = metric_names().values()
    assert {row.engine for row in rows} == {"vllm", "sglang", "tgi", "tensorrt-llm", "llama.cpp"}
    for engine in ("vllm", "sglang", "tgi", "llama.cpp"):
        quantities = {row.quantity for row in rows if row.engine == engine}
        assert {"input_tokens", "output_tokens", "running", "waiting"} <= quantities


def test_owned_and_elsewhere():
    """8,760 × 4 hours of 35,040 USD is a dollar an hour; 700 W at 0.10 are 7 cents."""
    assert Owned(35_040.0, 4.0, 700.0, 0.10).usd_per_hour == pytest.approx(1.07)
    offer = ApiPrice("a", "b", 1.0, 0.1, 4.0, "a list", "2026")
    # 6 M × 1.0 + 2 M × 0.1 + 2 M × 4.0 = 14.2 USD for 10 M tokens
    assert elsewhere_usd_per_million(offer, 8e6, 2e6, 0.25) == pytest.approx(1.42)
    uncached = replace(offer, usd_per_million_cached_tokens=None)
    assert elsewhere_usd_per_million(uncached, 8e6, 2e6, 0.25) == pytest.approx(1.6)
    assert elsewhere_usd_per_million(offer, 0.0, 0.0, 0.25) is None
    unknown = replace(offer, usd_per_million_output_tokens=None)
    assert elsewhere_usd_per_million(unknown, 8e6, 2e6, 0.25) is None


@contextmanager
def _serving(texts: list[str]) -> Iterator[str]:
    """A server whose `/metrics` gives these texts in turn, the last one for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.path == "/metrics"
            body = (texts.pop(0) if known and len(texts) > 1 else texts[0]).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_verb_says_what_a_million_tokens_cost_and_keeps_the_window(tmp_path, capsys):
    store = str(tmp_path / "meter.db")
    texts = [vllm(0, 0, 3), vllm(90_000, 10_000, 3, hits=45_000)]
    with _serving(texts) as url:
        cost = ["--usd-per-hour", "3.6", "--count", "2", "--compare", "openai:gpt-4o-mini"]
        arguments = ["meter", url, "--window", "0.1", "--every", "0.1", *cost]
        arguments += ["--device", "H100 SXM 80GB", "--label", "lab", "--store", store]
        assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "USD per million tokens" in said
    assert "openai gpt-4o-mini" in said
    with open_store(store) as kept:
        (record,) = kept.measurements()
    assert record.suite == "meter"
    assert record.load.endpoint == "lab"
    assert record.load.waiting_mean == 2.0
    assert record.load.cached_share == 0.5
    serving = record.result.serving
    assert (serving.input_tokens, serving.output_tokens) == (90_000, 10_000)
    assert serving.output_tokens_per_s == pytest.approx(10_000 / record.load.duration_s)
    assert url not in record.model_dump_json()


@pytest.mark.parametrize(
    ("models", "name"), [(("org/m", "org/m"), "org/m"), (("org/m", "org/n"), "unknown")]
)
def test_a_server_that_lists_no_models_is_named_by_its_series(tmp_path, models, name):
    text = "".join(
        f'vllm:generation_tokens_total{{engine="{at}",model_name="{model}"}} 5\n'
        for at, model in enumerate(models)
    )
    store = str(tmp_path / "meter.db")
    with _serving([text]) as url:
        arguments = ["meter", url, "--window", "0.05", "--every", "0.05", "--usd-per-hour", "1"]
        assert main([*arguments, "--device", "H100 SXM 80GB", "--store", store]) == 0
    with open_store(store) as kept:
        (record,) = kept.measurements()
    assert record.model.name == name


def test_an_idle_server_is_recorded_as_such(tmp_path, capsys):
    store = str(tmp_path / "meter.db")
    with _serving([vllm(5, 5, 0)]) as url:
        arguments = ["meter", url, "--window", "0.05", "--every", "0.05", "--usd-per-hour", "1"]
        assert main([*arguments, "--device", "H100 SXM 80GB", "--store", store]) == 0
    assert "no token" in capsys.readouterr().out
    with open_store(store) as kept:
        (record,) = kept.measurements()
    assert (record.status, record.result) == ("error", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--usd-per-hour", "1", "--price-usd", "3"], "--price-usd"),
        (["--price-usd", "3000"], "--years"),
        (["--window", "0"], "--window"),
        (["--compare", "openai"], "PROVIDER:MODEL"),
        (["--compare", "openai:no-such-model"], "model at openai"),
    ],
)
def test_wrong_input_is_refused(arguments, said, capsys):
    command = ["meter", "http://127.0.0.1:9", "--device", "H100 SXM 80GB", *arguments]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) <= 2
