"""MLPerf loadgen's `mlperf_log_summary.txt`: one run of the Offline or Server scenario.

Offline sends everything at once; Server sends at the scheduled rate. Lines are `name : value`, with
times in nanoseconds. Neither model, device nor date is there. A run that loadgen calls INVALID is
kept as one that failed. Read: mlcommons/inference loadgen/results.cc, 3.1 to 6.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from modelworth.data.errors import InputError
from modelworth.data.importers.read import Content, named_lines, positive, spread
from modelworth.data.importers.served_run import ServedRun
from modelworth.data.serving import Spread

TOOL: Final = "MLPerf loadgen"
HEAD: Final = "MLPerf Results Summary"
STATED: Final = {"mean": "mean"} | {f"p{n}": f"{n}.00 percentile" for n in (50, 90, 95, 99)}


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return not content.objects and HEAD in content.text


def runs(content: Content) -> Iterator[ServedRun]:
    """The one run of the summary."""
    lines = named_lines(content.text)
    scenario = lines.get("scenario", "")
    if scenario not in ("Offline", "Server", "Interactive"):
        allowed = "Offline, Server or Interactive"
        raise InputError(f"{content.name}: Scenario", scenario or "nothing", allowed)
    if lines.get("result is") != "VALID":
        raise InputError(f"{content.name}: Result is", lines.get("result is", "nothing"), "VALID")
    yield _run(lines, scenario, content.text)


def _run(lines: Mapping[str, str], scenario: str, text: str) -> ServedRun:
    requests = positive(
        lines.get("completed samples per second") or lines.get("samples per second")
    )
    tokens = positive(lines.get("completed tokens per second") or lines.get("tokens per second"))
    scheduled = positive(lines.get("scheduled samples per second"))
    return ServedRun(
        tool=TOOL,
        content=text,
        rate_per_s=math.inf if scenario == "Offline" else scheduled,
        output_tokens=tokens / requests if tokens and requests else None,
        requests_per_s=requests,
        output_per_s=tokens,
        ttft=_times(lines, "first token latency"),
        tpot=_times(lines, "time to output token"),
        request=_times(lines, "latency"),
    )


def _times(lines: Mapping[str, str], what: str) -> Spread:
    stated = {name: lines.get(f"{said} {what} (ns)") for name, said in STATED.items()}
    return spread(stated, 1e-9)
