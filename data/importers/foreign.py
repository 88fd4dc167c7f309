"""Result files of other tools as measurements of origin `imported`, with the file as citation.

Read are the JSON that `vllm bench serve --save-result` writes (SGLang's has the same keys) and the
JSON of llama.cpp's `llama-bench -o json`. What such a file doesn't say (the device, for vLLM) is
asked for; what nobody says stays None. Failed requests make a record of status `error`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from modelworth.data.errors import InputError
from modelworth.data.measurement import (
    Interval,
    Latency,
    Layout,
    Machine,
    Measurement,
    Model,
    Provenance,
    Result,
    Workload,
)
from modelworth.data.words import Precision


@dataclass(frozen=True, slots=True)
class Told:
    """What the person importing says, because the file doesn't."""

    device: str | None = None
    count: int = 1
    precision: Precision = "bfloat16"


def read_foreign(path: Path, told: Told) -> list[Measurement]:
    """The measurements in another tool's result file.

    Raises:
        InputError: if the file is of no known tool, or lacks what a record needs.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(str(path), str(error), "a readable JSON file") from error
    runs = content if isinstance(content, list) else [content]
    if runs and all(isinstance(run, dict) and "avg_ns" in run and "n_gen" in run for run in runs):
        reader = _llama_bench
    elif runs and all(isinstance(run, dict) and "mean_ttft_ms" in run for run in runs):
        reader = _vllm_serve
    else:
        allowed = "a result of `vllm bench serve --save-result` or `llama-bench -o json`"
        raise InputError(str(path), "JSON of another form", allowed)
    records = []
    for index, run in enumerate(runs):
        try:
            records.append(reader(run, told, path))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
            raise InputError(f"{path}: run {index + 1}", what, "a complete run") from error
    return records


def _vllm_serve(run: dict[str, Any], told: Told, path: Path) -> Measurement:
    """One serving run: output tokens over its duration, at its highest concurrency."""
    if told.device is None:
        raise InputError(str(path), "no device in the file", "named with --device")
    completed, asked = int(run["completed"]), int(run.get("num_prompts", run["completed"]))
    concurrency = run.get("max_concurrency")
    workload = Workload(
        kind="serve",
        batch=int(concurrency or completed),
        prompt_tokens=round(run["total_input_tokens"] / max(completed, 1)) or None,
        new_tokens=round(run["total_output_tokens"] / max(completed, 1)) or None,
        precision=told.precision,
        engine=str(run.get("backend") or run.get("endpoint_type") or "vllm"),
        concurrency=None if concurrency is None else int(concurrency),
        layout=Layout(tensor=told.count),
    )
    name = str(run["model_id"])
    failed = asked - completed
    reason = f"{failed} of {asked} requests failed" if failed else None
    return Measurement(
        recorded_at=_vllm_date(str(run["date"])),
        model=Model(name=name, family="decoder", weights="pretrained"),
        workload=workload,
        machine=Machine(device=told.device, kind="other", count=told.count),
        status="error" if failed else "ok",
        reason=reason,
        result=None if failed else _serving_result(run, told.count),
        provenance=_cited("vllm bench serve", path),
    )


def _serving_result(run: dict[str, Any], count: int) -> Result:
    tokens, duration_s = run["total_output_tokens"], run["duration"]
    throughput_per_s = tokens / duration_s
    request_s = [
        (run[f"{which}_ttft_ms"] + run[f"{which}_tpot_ms"] * (tokens / run["completed"] - 1)) / 1e3
        for which in ("mean", "median")
    ]
    return Result(
        unit="tokens",
        work_per_step=tokens,
        throughput_per_s=Interval(value=throughput_per_s),
        throughput_per_s_per_device=throughput_per_s / count,
        latency=Latency(
            mean_s=request_s[0],
            p50_s=request_s[1],
            first_token_s=run["median_ttft_ms"] / 1e3,
            per_token_s=run["median_tpot_ms"] / 1e3,
        ),
    )


def _vllm_date(text: str) -> datetime:
    """When it ran; vLLM writes local time without a zone (20260131-235959), taken as UTC."""
    return datetime.strptime(text, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _llama_bench(run: dict[str, Any], told: Told, path: Path) -> Measurement:
    """One test: a prompt of n_prompt tokens read, or n_gen tokens written, one sequence."""
    generated = int(run["n_gen"])
    device = told.device or run.get("gpu_info") or run["cpu_info"]
    workload = Workload(
        kind="decode" if generated else "prefill",
        batch=1,
        prompt_tokens=int(run["n_prompt"] or run.get("n_depth") or 0) or None,
        new_tokens=generated or None,
        precision=told.precision,
        engine="llama.cpp",
    )
    samples_s = tuple(nanoseconds / 1e9 for nanoseconds in run["samples_ns"])
    work = generated or int(run["n_prompt"])
    p50_s = median(samples_s)
    result = Result(
        unit="tokens",
        work_per_step=work,
        throughput_per_s=Interval(value=work / p50_s),
        throughput_per_s_per_device=work / p50_s / told.count,
        latency=Latency(
            mean_s=sum(samples_s) / len(samples_s),
            p50_s=p50_s,
            per_token_s=p50_s / generated if generated else None,
        ),
        samples_s=samples_s,
    )
    return Measurement(
        recorded_at=datetime.fromisoformat(str(run["test_time"])),
        model=Model(
            name=str(run.get("model_type") or Path(run["model_filename"]).name),
            family="decoder",
            parameters_total=int(run["model_n_params"]),
            weights="pretrained",
        ),
        workload=workload,
        machine=Machine(
            device=str(device).strip(),
            kind="other" if run.get("gpu_info") else "cpu",
            count=told.count,
            cpu=run.get("cpu_info"),
        ),
        status="ok",
        result=result,
        provenance=_cited("llama-bench", path, run.get("build_commit")),
    )


def _cited(tool: str, path: Path, commit: str | None = None) -> Provenance:
    return Provenance(origin="imported", tool=tool, citation=f"file {path.name}", commit=commit)
