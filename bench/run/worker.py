"""Runs one job in this process: measures a case, probes the ceilings, or sees whether a case fits.

It is called in a process made for the job (`modelworth.bench.run.isolation`).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from modelworth.bench.run.isolation import WorkerEnd, shortened
from modelworth.bench.run.news import News, Tell, nobody, timing_news
from modelworth.bench.run.observation import Observation, merged
from modelworth.bench.run.place import place
from modelworth.bench.run.ranks import agreed, gathered, joined, own_device
from modelworth.bench.timing import ceilings, profile
from modelworth.bench.timing import peak_memory as memory
from modelworth.bench.timing.clock import clock_for, time_work
from modelworth.bench.timing.machine import detect, last_level_cache_bytes
from modelworth.bench.timing.monitor import Monitor, Neighbours, neighbours
from modelworth.bench.work.blueprint import graph_breaks
from modelworth.bench.work.task import DeviceKind, Limits, Task, Work
from modelworth.data.errors import InputError, ModelworthError

OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|cannot allocate memory"
    r"|ALLOC(ATION)?_FAILED",
    re.IGNORECASE,
)
RAN = (
    *("compiled", "compile_mode", "cuda_graphs", "fused_projections", "attention_kernel"),
    *("chunked_loss", "quantization", "weight_bits"),
)
"""Of a work, what its record says in the place of what was asked for."""
KNOWN = (
    *("model", "unit", "work_per_step", "model_flops_per_step", "kernel_flops_per_step"),
    "bytes_per_step",
)
"""Of a work, what was known before it ran."""
Prepare = Callable[[Task, torch.device], Work]


def run(job: dict[str, Any], tell: Tell = nobody) -> WorkerEnd:
    """Do a job of the harness, and tell how it goes."""
    if job["action"] == "probe":
        return end_of(lambda: _probe_job(job))
    return end_of(lambda: _measure_job(job, tell))


def end_of(action: Callable[[], str]) -> WorkerEnd:
    """What comes of an action; what it can't help (no memory, wrong input, a full disk) counts."""
    try:
        return WorkerEnd(status="ok", value=action())
    except InputError as error:
        found = (error.where, shortened(str(error.found)), error.allowed)
        return WorkerEnd(status="error", reason=shortened(str(error)), bad_input=found)
    except MemoryError:
        return WorkerEnd(status="oom", reason="the host has no memory left for this case")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return WorkerEnd(status="error", reason=f"the disk is full: {error.filename or error}")
    except Exception as error:
        cause = next((one for one in _chain(error) if OUT_OF_MEMORY.search(str(one))), None)
        if cause is not None:
            return WorkerEnd(status="oom", reason=_no_memory(str(cause)))
        if isinstance(error, ModelworthError):
            return WorkerEnd(status="error", reason=shortened(str(error)))
        kind = _kind(error)
        if kind is None:
            raise
        said = shortened(f"{kind}: {_first_line(error)}")
        return WorkerEnd(status="error", reason=said, of_device=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from: a failed capture or compilation hides its reason so."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or found.__context__


def _kind(error: BaseException) -> str | None:
    """What a GPU or its compiler did wrong; None for an error of another sort."""
    for one in _chain(error):
        module, text = type(one).__module__, str(one)
        if module.startswith(("torch._dynamo", "torch._inductor", "triton")):
            return "compilation failed"
        if re.search(r"CUDA error|cuBLAS|CUBLAS|cuDNN|CUDNN|device-side assert|NCCL", text):
            return "the device failed"
    return None


def _first_line(error: BaseException) -> str:
    """Type and first line of the innermost error, which names the fault itself."""
    last = list(_chain(error))[-1]
    return f"{type(last).__name__}: {(str(last).strip().splitlines() or [''])[0]}"


def _no_memory(message: str) -> str:
    """Torch's words for a GPU; shorter ones for the host, where they name a line of its source."""
    asked = re.search(r"tried to allocate (\d+) bytes", message)
    if asked is None:
        return shortened(message.splitlines()[0])
    return f"the host has no memory for another {int(asked[1]) / 2**30:.2f} GiB"


def measure(
    case: Task,
    limits: Limits,
    prepare: Prepare,
    before: Neighbours | None = None,
    trace: Path | None = None,
    tell: Tell = nobody,
) -> Observation:
    """Make the case ready, time it, then see to its memory and, if asked, where its time goes."""
    before = before or neighbours(case.device, place().local_rank)
    device = own_device(case.device)
    if device.type == "cpu":
        memory.limit_host_memory()
    ceilings.set_matmul_precision(case.workload.precision)
    torch.manual_seed(case.seed)
    tell(News(phase="building"))
    work = prepare(case, device)
    tell(News(phase="compiling" if work.compiled else "starting"))
    with Monitor(device.type, device.index or 0, before) as monitor:
        timed = time_work(
            work,
            clock_for(device),
            limits,
            agree=agreed,
            before_timing=monitor.start,
            tell=lambda phase, samples_s: tell(timing_news(work, phase, samples_s)),
        )
    tell(News(phase="memory"))
    used = memory.measure(work, device) if limits.memory else memory.Memory()
    if trace is not None:
        tell(News(phase="profiling"))
        profile.write(work, device, trace)
    ran = {name: getattr(work, name) for name in RAN} | {
        "attention": work.attention or case.workload.attention
    }
    return Observation(
        **{name: getattr(work, name) for name in KNOWN},
        workload=case.workload.model_copy(update=ran),
        attention_s=None if work.attention_s is None else dict(work.attention_s),
        samples_s=tuple(timed.samples_s),
        parts_s={name: tuple(times) for name, times in timed.parts_s.items()},
        wall_s=timed.wall_s,
        warmup_steps=timed.warmup_steps,
        settled=timed.settled,
        graph_breaks=graph_breaks() if work.compiled else (),
        memory=used,
        energy=monitor.energy(work.work_per_step * len(timed.samples_s)),
        condition=monitor.condition(),
        cache_bytes=last_level_cache_bytes(case.device),
    )


def _measure_job(job: dict[str, Any], tell: Tell) -> str:
    case, limits = Task.model_validate(job["case"]), Limits.model_validate(job["limits"])
    module, _, function = job.get("prepare", "modelworth.bench.work.prepare:prepare").partition(":")
    here, trace = place(), None
    if job.get("profile"):  # each rank has its own
        trace = Path(f"{job['profile']}-rank-{here.rank}" if here.world > 1 else job["profile"])
    before = neighbours(case.device, here.local_rank)  # joining makes a context on the device
    with joined(job.get("group", "case"), case.device):
        prepare = getattr(import_module(module), function)
        seen = measure(case, limits, prepare, before, trace, tell)
        return merged(gathered(seen)).model_dump_json()


def _probe_job(job: dict[str, Any]) -> str:
    """The machine with its ceilings at a precision."""
    kind: DeviceKind = job["device"]
    with joined(job.get("group", "probe"), kind):
        found = ceilings.probe(own_device(kind), job["precision"], job.get("budget_s", 1.0))
        machine = detect(kind, place().world)
        return machine.model_copy(update={"ceilings": found}).model_dump_json()
