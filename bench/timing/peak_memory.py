"""Peak memory of a step, in a pass of its own so that counting doesn't slow what is timed.

Each phase of a step (forward, backward, optimizer; prefill, decode) has a peak of its own. On CUDA
the caching allocator tells allocated and reserved, NVML or the runtime what the driver has
given away, context included. On a processor torch's profiler reports every allocation of a step:
the highest running sum above what lives between steps is the step's peak. The host's peak is the
kernel's high-water mark of this process. Activations are what remains of the allocated peak after
weights, gradients, optimizer state, cache and logits, so they hold workspace as well.
"""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from modelworth.bench.work.task import Step, Work
from modelworth.data.measurement import Memory

HELD = ("weights_bytes", "gradients_bytes", "optimizer_bytes", "cache_bytes", "logits_bytes")
"""What a work says it holds."""
COMPILED_TO_GRAPHS = ("reduce-overhead", "max-autotune")
"""Modes of torch.compile in which it captures what it compiles."""
STEPS = 2
"""The first may still create optimizer state or grow a pool."""


def measure(work: Work, device: torch.device) -> Memory:
    """Run a few steps and see where memory went."""
    gc.collect()
    _reset_host_peak()
    if device.type == "cuda":
        peaks, reserved, driver, retries = _cuda_peaks(work, device)
    else:
        peaks = _processor_peaks(work)
        reserved = driver = retries = None
    allocated = max(peaks.values())
    held = {name: getattr(work, name) for name in HELD}
    return Memory(
        predicted_bytes=work.predicted_bytes,
        allocated_peak_bytes=allocated,
        reserved_peak_bytes=reserved,
        driver_peak_bytes=driver,
        host_peak_bytes=host_peak_bytes(),
        **held,
        activations_bytes=max(0, allocated - sum(each or 0 for each in held.values())),
        allocator_retries=retries,
        phase_peak_bytes=peaks if len(peaks) > 1 else None,
    )


def live_bytes() -> int:
    """Bytes of all distinct storages of tensors on the processor that are alive now."""
    tensors = (item for item in gc.get_objects() if _is_tensor(item))
    return unique_bytes(tensor for tensor in tensors if tensor.device.type == "cpu")


def unique_bytes(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the distinct storages behind these tensors."""
    found = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        with suppress(RuntimeError):  # what a compiler traced with points to no memory
            found[storage.data_ptr()] = storage.nbytes()
    return sum(found.values())


def host_peak_bytes() -> int:
    """Most resident memory of this process since the last reset, or since its start."""
    peak = _status_bytes("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if peak is None else peak


def available_bytes() -> int:
    """Host memory that this process could still get: the machine's, or its container's limit."""
    available = psutil.virtual_memory().available
    limit, used = (_cgroup_bytes(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    return available if limit is None or used is None else max(0, min(available, limit - used))


def limit_host_memory(share: float = 0.9) -> None:
    """Let allocations beyond a share of what is available fail, before the machine starts to swap.

    Where the system has no such limit this does nothing.
    """
    held = _status_bytes("VmData")
    if held is None:
        return
    ceiling = held + int(share * available_bytes())
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or ceiling < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))


def _phases(work: Work) -> tuple[tuple[str, Step], ...]:
    """The pieces of a step whose peaks are told apart."""
    return work.phases or work.parts or (("step", work.step),)


def _cuda_peaks(work: Work, device: torch.device) -> tuple[dict[str, int], int, int, int]:
    """Allocated peak by phase; reserved peak, the driver's figure, and the allocator's retries."""
    torch.cuda.empty_cache()
    peaks: dict[str, int] = {}
    reserved, pooled = 0, work.cuda_graphs or work.compile_mode in COMPILED_TO_GRAPHS
    for _ in range(STEPS):
        if work.reset is not None:
            work.reset()
        for name, phase in _phases(work):
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            phase()
            torch.cuda.synchronize(device)
            held = torch.cuda.max_memory_reserved(device)
            reserved = max(reserved, held)
            # A captured graph's blocks are its own for good, though none counts as allocated.
            used = held if pooled else torch.cuda.max_memory_allocated(device)
            peaks[name] = max(peaks.get(name, 0), used)
    free, total = torch.cuda.mem_get_info(device)
    retries = torch.cuda.memory_stats(device).get("num_alloc_retries", 0)
    return peaks, reserved, total - free, int(retries)


def _processor_peaks(work: Work) -> dict[str, int]:
    """Allocated peak by phase: what lived before, what earlier phases left, and the phase's own."""
    if work.reset is not None:
        work.reset()
    held, peaks = live_bytes(), {}
    for name, phase in _phases(work):
        peak, left = _peak_and_rest(phase)
        peaks[name] = held + peak
        held += left
    return peaks


def _peak_and_rest(step: Step) -> tuple[int, int]:
    """Highest sum of allocations less releases in order of time, and that sum at the end."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    kept = {"profile_memory": True, "acc_events": True}  # else PyTorch 2.11 warns
    with torch.profiler.profile(activities=activities, **kept) as profile:
        step()
    results = profile.profiler.kineto_results  # the public events leave single allocations out
    seen = [event for event in results.events() if event.name() == "[memory]"]
    changes = [(event.start_ns(), event.nbytes()) for event in seen]
    held = peak = 0
    for _, change in sorted(changes, key=lambda change: change[0]):
        held += change
        peak = max(peak, held)
    return peak, held


def _is_tensor(item: object) -> bool:
    """Whether it is a plain tensor, by its type alone: asking a lazy proxy would wake it.

    Subclasses either hold plain tensors, which are found themselves, or have no storage (the fakes
    that a compiler traces with).
    """
    return type(item) in (torch.Tensor, torch.nn.Parameter)


def _reset_host_peak() -> None:
    """Start the kernel's high-water mark anew, where it lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status_bytes(key: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup_bytes(path: str) -> int | None:
    file = Path(path)
    if not file.exists():
        return None
    content = file.read_text().strip()
    return int(content) if content.isdigit() else None
