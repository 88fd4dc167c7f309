"""Load-test clients against one server that logs the truth: their errors and their processor time.

    python benchmarks/load_clients.py --clients DIR --tokenizer FOLDER > benchmarks/load_clients.md

DIR holds a virtual environment for each other client (guidellm, aiperf, inference-perf, vllm); what
isn't there is left out and said. The server is the tests' stub: first token after 100 ms, then
10 ms each, by absolute deadlines. Each client runs alone; errors are of its median against the
server's own log of the same requests. Processor time is that of the client and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

STUB = Path(__file__).parent.parent / "tests" / "bench" / "served_stub.py"
LEVELS = {1: 12, 16: 160, 64: 640, 256: 1280}
"""In flight: requests."""
TOKENS, PROMPT = 64, 50
LIMIT_S = 150


@dataclass(frozen=True)
class Seen:
    """What a client says, in ms and per second; None: it doesn't."""

    ttft_ms: float | None
    tpot_ms: float | None
    requests_per_s: float | None


@dataclass(frozen=True)
class Ask:
    """One run that a client is to make."""

    url: str
    in_flight: int
    requests: int
    out: Path
    tokenizer: str


def ours(ask: Ask) -> tuple[list[str], Callable[[], Seen]]:
    """Our own, as its user starts it."""
    store = ask.out / "load.db"
    command = [
        *(sys.executable, "-m", "modelworth", "load", ask.url, "--store", str(store)),
        *("--concurrency", str(ask.in_flight), "--requests", str(ask.requests)),
        *("--prompt-tokens", str(PROMPT), "--new-tokens", str(TOKENS)),
    ]

    def read() -> Seen:
        from modelworth.data.store import open_store

        with open_store(str(store)) as kept:
            serving = kept.measurements()[-1].result.serving
        return Seen(serving.ttft.p50_s * 1e3, serving.tpot.p50_s * 1e3, serving.requests_per_s)

    return command, read


def vllm(ask: Ask) -> tuple[list[str], Callable[[], Seen]]:
    """`vllm bench serve`."""
    file = ask.out / "vllm.json"
    command = [
        *("python", "-m", "vllm.entrypoints.cli.main", "bench", "serve"),
        *("--backend", "openai-chat", "--base-url", ask.url, "--endpoint", "/v1/chat/completions"),
        *("--model", "stub", "--tokenizer", ask.tokenizer, "--dataset-name", "random"),
        *("--random-input-len", str(PROMPT), "--random-output-len", str(TOKENS), "--ignore-eos"),
        *("--num-prompts", str(ask.requests), "--max-concurrency", str(ask.in_flight)),
        *("--save-result", "--result-filename", str(file), "--disable-tqdm"),
    ]

    def read() -> Seen:
        said = json.loads(file.read_text())
        return Seen(said["median_ttft_ms"], said["median_tpot_ms"], said["request_throughput"])

    return command, read


def aiperf(ask: Ask) -> tuple[list[str], Callable[[], Seen]]:
    """It takes a tokenizer by a hub's name only: one is put where the hub's files would be."""
    hub = ask.out / "hub" / "models--lab--tiny"
    shutil.copytree(ask.tokenizer, hub / "snapshots" / "1")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("1")
    command = [
        *("aiperf", "profile", "-m", "stub", "--url", ask.url, "--endpoint-type", "chat"),
        *("--streaming", "--concurrency", str(ask.in_flight)),
        *("--request-count", str(ask.requests), "--tokenizer", "lab/tiny"),
        *("--synthetic-input-tokens-mean", str(PROMPT), "--output-tokens-mean", str(TOKENS)),
        *("--artifact-dir", str(ask.out), "--ui", "none"),
    ]

    def read() -> Seen:
        said = json.loads((ask.out / "profile_export_aiperf.json").read_text())
        return Seen(
            said["time_to_first_token"]["p50"],
            said["inter_token_latency"]["p50"],
            said["request_throughput"]["avg"],
        )

    return command, read


def guidellm(ask: Ask) -> tuple[list[str], Callable[[], Seen]]:
    """Its time per output token has the first in it; gaps are compared."""
    file = ask.out / "guidellm.json"
    server = f"kind=openai_http,target={ask.url},model=stub,request_format=/v1/chat/completions"
    command = [
        *("guidellm", "run", "--backend", server, "--disable-console"),
        *("--profile", f"kind=concurrent,streams={ask.in_flight}"),
        *("--constraint", f"kind=max_requests,count={ask.requests}"),
        *("--tokenizer", f"kind=huggingface_auto,model={ask.tokenizer}"),
        *("--data", f"kind=synthetic_text,prompt_tokens={PROMPT},output_tokens={TOKENS}"),
        *("--output", f"kind=json,path={file}"),
    ]

    def read() -> Seen:
        metrics = json.loads(file.read_text())["benchmarks"][0]["metrics"]

        def of(name: str, statistic: str) -> float:
            return float(metrics[name]["successful"][statistic])

        return Seen(
            of("time_to_first_token_ms", "median"),
            of("inter_token_latency_ms", "median"),
            of("requests_per_second", "mean"),
        )

    return command, read


def inference_perf(ask: Ask) -> tuple[list[str], Callable[[], Seen]]:
    """Its random prompts go to completions only."""
    config = ask.out / "config.yml"
    lengths = {"min": PROMPT, "max": PROMPT, "mean": PROMPT, "std_dev": 0, "total_count": 2000}
    answers = {"min": TOKENS, "max": TOKENS, "mean": TOKENS, "std_dev": 0, "total_count": 2000}
    stage = {"num_requests": ask.requests, "concurrency_level": ask.in_flight}
    config.write_text(
        json.dumps(
            {
                "api": {"type": "completion", "streaming": True},
                "data": {
                    "type": "random",
                    "input_distribution": lengths,
                    "output_distribution": answers,
                },
                "load": {"type": "concurrent", "stages": [stage], "num_workers": 1},
                "server": {
                    "type": "vllm", "model_name": "stub", "base_url": ask.url, "ignore_eos": True,
                },
                "tokenizer": {"pretrained_model_name_or_path": ask.tokenizer},
                "storage": {"local_storage": {"path": str(ask.out / "reports")}},
            }
        )
    )  # fmt: skip

    def read() -> Seen:
        file = next((ask.out / "reports").rglob("summary_lifecycle_metrics.json"))
        done = json.loads(file.read_text())["successes"]
        times, rates = done["latency"], done["throughput"]
        return Seen(
            times["time_to_first_token"]["median"] * 1e3,
            times["time_per_output_token"]["median"] * 1e3,
            rates["requests_per_sec"],
        )

    return ["inference-perf", "-c", str(config)], read


CLIENTS: dict[str, Callable[[Ask], tuple[list[str], Callable[[], Seen]]]] = {
    "modelworth": ours,
    "inference-perf": inference_perf,
    "vllm": vllm,
    "aiperf": aiperf,
    "guidellm": guidellm,
}


@contextmanager
def stub(*arguments: str) -> Iterator[str]:
    """The address of the server that logs the truth."""
    command = [sys.executable, str(STUB), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        yield f"http://127.0.0.1:{it.stdout.readline().strip()}"
        it.stdin.close()


def truth(url: str, in_flight: int) -> Seen:
    """The server's medians, without the first wave; its rate is what it must reach."""
    with urllib.request.urlopen(f"{url}/log") as answer:
        log = [row for row in json.load(answer) if row["tokens"] == TOKENS][in_flight:]
    first = [(row["first_s"] - row["got_s"]) * 1e3 for row in log]
    each = [(row["last_s"] - row["first_s"]) * 1e3 / (TOKENS - 1) for row in log]
    whole_s = statistics.fmean(row["last_s"] - row["got_s"] for row in log)
    return Seen(statistics.median(first), statistics.median(each), in_flight / whole_s)


def measure(name: str, place: Path | None, ask: Ask) -> tuple[Seen | None, float, float]:
    """What a client says, its processor seconds and its wall seconds; None: it failed."""
    command, read = CLIENTS[name](ask)
    if place is not None:
        command = [str(place / "bin" / command[0]), *command[1:]]
    quiet = {
        "HF_HOME": str(ask.out),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    log = ask.out / "log"
    with log.open("w") as file:
        try:
            done = subprocess.run(
                command, env=os.environ | quiet, stdout=file, stderr=file, timeout=LIMIT_S,
                check=False, cwd=ask.out,
            )  # fmt: skip
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if code:
        print(f"{name}: {log.read_text()[-600:]}", file=sys.stderr)
        return None, used_s, wall_s
    return read(), used_s, wall_s


def version(name: str, place: Path | None) -> str:
    """What is installed there."""
    if place is None:
        return metadata.version("modelworth")
    asked = f"from importlib.metadata import version; print(version({name!r}))"
    command = [str(place / "bin" / "python"), "-c", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def off(said: float | None, true: float | None) -> str:
    """By how much a client is off, in percent."""
    if said is None or not true:
        return "—"
    return f"{said / true - 1:+.1%}"


def line(cells: list[Any]) -> None:
    """A row of the table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def capacity_per_processor_second() -> float:
    """Requests of 64 tokens a processor-second of our client makes, its peer replaying bytes."""
    import numpy as np

    from modelworth.bench.load.client import drive
    from modelworth.bench.load.endpoint import parse
    from modelworth.bench.load.plan import Plan
    from modelworth.bench.load.prompts import Length, Shape, Words, bodies

    with stub() as url:
        shape = Shape("chat", "stub;fault=replay", Length(PROMPT), Length(TOKENS))
        made = bodies(shape, Words(), np.random.default_rng(0))
        run = drive(Plan(parse(url).target("chat"), made, concurrency=16, count=5000))
    return len(run.outcomes) / run.processor_s


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=Path, default=Path("clients"))
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--levels", default=",".join(map(str, LEVELS)))
    parser.add_argument("--only", help="some of the clients, with commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CLIENTS)
    line(["client", "in flight", "TTFT ms (true)", "off", "TPOT ms (true)", "off", "requests/s",
          "off", "processor s", "wall s"])  # fmt: skip
    line(["---"] * 10)
    for level in map(int, options.levels.split(",")):
        for name in names:
            place = None if name == "modelworth" else options.clients / name
            if place is not None and not place.exists():
                continue
            with stub() as url, tempfile.TemporaryDirectory() as out:
                ask = Ask(url, level, LEVELS[level], Path(out), options.tokenizer)
                seen, used_s, wall_s = measure(name, place, ask)
                true = truth(url, level) if seen else Seen(None, None, None)
            seen = seen or Seen(None, None, None)
            shown = [
                cell
                for mine, its in (
                    (seen.ttft_ms, true.ttft_ms),
                    (seen.tpot_ms, true.tpot_ms),
                )
                for cell in (
                    "failed" if mine is None else f"{mine:.2f} ({its:.2f})", off(mine, its)
                )
            ]  # fmt: skip
            rate = "—" if seen.requests_per_s is None else f"{seen.requests_per_s:.2f}"
            line([f"{name} {version(name, place)}", level, *shown, rate,
                  off(seen.requests_per_s, true.requests_per_s), f"{used_s:.1f}",
                  f"{wall_s:.1f}"])  # fmt: skip
    print(f"\nOne processor-second of modelworth's client made "
          f"{capacity_per_processor_second():,.0f} requests of {TOKENS} tokens.")  # fmt: skip


if __name__ == "__main__":
    main()
