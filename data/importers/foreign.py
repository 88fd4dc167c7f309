"""Result files of other tools as measurements of origin `imported`, told apart by their content.

What a file doesn't say is asked for by the name of the flag; what nobody says stays None. A run
whose own figures contradict each other is refused with the arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from modelworth.data.errors import InputError
from modelworth.data.exchange import read
from modelworth.data.foreign_file import start_of
from modelworth.data.importers import (
    aiperf,
    guidellm,
    inference_benchmarker,
    inference_perf,
    inferencex,
    llama_bench,
    llmperf,
    lm_evaluation,
    lmdeploy,
    mlperf_loadgen,
    optimum_benchmark,
    sglang_serving,
    tgi_benchmark,
    trtllm_bench,
    vllm_serve,
)
from modelworth.data.importers.judging import judged
from modelworth.data.importers.read import Content, read_content
from modelworth.data.importers.records import measurement
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Measurement

TOOLS: Final = (
    sglang_serving, inferencex, vllm_serve, aiperf, guidellm, inference_perf,
    inference_benchmarker, trtllm_bench, llmperf, lmdeploy, mlperf_loadgen, llama_bench,
    lm_evaluation, optimum_benchmark, tgi_benchmark,
)  # fmt: skip
"""A tool's module has its name (TOOL), whether it knows a file (`knows`), what ran in it (`runs`)
and, if it loads no server, a `measurement` of its own. The first that knows a file reads it:
SGLang's and InferenceX's files have vLLM's keys and more."""
T = TypeVar("T")
OWN: Final = re.compile(rb'\s*\{\s*"schema_version":[^,]*,\s*"(id|recorded_at)"')
"""How a record of ours begins, its id perhaps left out; AIPerf's summaries name a version, too."""
HEAD_BYTES: Final = 64 * 2**10
KNOWN: Final = f"an export of modelworth or a result of {', '.join(tool.TOOL for tool in TOOLS)}"


def read_foreign(path: Path, told: Told) -> list[Measurement]:
    """The measurements in another tool's result file.

    Raises:
        InputError: if the file is of no known tool, lacks what a record needs, or contradicts
            itself.
    """
    content = read_content(path)
    records = []
    for record in _records(content, told, str(path)):
        judgement = judged(record)
        if judgement is not None and judgement.kind == "contradictory":
            allowed = "figures that agree: run it again, or correct what was edited"
            raise InputError(str(path), judgement.arithmetic, allowed)
        records.append(record)
    if not records:
        raise InputError(str(path), "no run in it", KNOWN)
    return records


def read_any(path: Path, told: Told) -> tuple[list[Measurement], list[Measurement]]:
    """The measurements of another tool's file, and those of one of ours, whatever its suffix.

    Raises:
        InputError: if it can't be read, or is neither.
    """
    return ([], list(read(path))) if _is_own(path) else (read_foreign(path, told), [])


def _is_own(path: Path) -> bool:
    """Whether `export` wrote a file, by its first line; what reads those tells of Parquet."""
    line = start_of(path, "a file that can be read", HEAD_BYTES).partition(b"\n")[0]
    own = OWN.match(line) is not None or line.rstrip().endswith(b",document")
    return own or line.startswith(b"PAR1")


def _records(content: Content, told: Told, where: str) -> list[Measurement]:
    """Each run of the file as a record."""
    for tool in TOOLS:
        if tool.knows(content):
            make = getattr(tool, "measurement", measurement)
            return _made(tool.runs(content), make, told, f"{where}: run")
    first = ", ".join(sorted(content.objects[0])[:5]) if content.objects else content.head
    raise InputError(where, first or "an empty file", KNOWN)


def _made(
    runs: Iterable[T], make: Callable[[T, Told, str], Measurement], told: Told, where: str
) -> list[Measurement]:
    """Each run as a record; figures that no record can hold are refused by their field."""
    records: list[Measurement] = []
    try:
        for run in runs:
            records.append(make(run, told, f"{where} {len(records) + 1}"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ": ".join([f"{where} {len(records) + 1}", ".".join(map(str, first["loc"]))])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(place.rstrip(": "), first["input"], f"right ({message})") from error
    return records
