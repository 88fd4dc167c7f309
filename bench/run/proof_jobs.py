"""What the proof of a device looks at beside measured cases; each job in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import warnings
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modelworth.bench.models import zoo
from modelworth.bench.run.isolation import WorkerEnd
from modelworth.bench.run.ranks import own_device
from modelworth.bench.run.worker import end_of
from modelworth.bench.timing import ceilings
from modelworth.bench.timing.clock import clock_for
from modelworth.bench.timing.machine import detect
from modelworth.bench.timing.monitor import neighbours
from modelworth.bench.work.attention_kernel import Call, choose
from modelworth.bench.work.blueprint import job_of
from modelworth.bench.work.infer import writer
from modelworth.bench.work.prepare import prepare
from modelworth.bench.work.task import DeviceKind, Task

TOKENS = {"cuda": 2048, "cpu": 256}
"""Of the sequences that attention is tried on."""
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "_grouped_mm", "convolution")
REPLAYED = 8
WAITED = "called a synchronizing CUDA operation"
"""PyTorch's words; switching its look-out on warns as well, in others."""


def run(job: dict[str, Any]) -> WorkerEnd:
    """Do one of the jobs; what it found comes as JSON."""
    action = {
        "environment": environment,
        "attention": attention,
        "replay": replay,
        "generate": generate,
        "products": products,
    }[job["action"]]
    return end_of(lambda: json.dumps(action(job)))


def environment(job: dict[str, Any]) -> dict[str, Any]:
    """Versions, compiler and headers that Triton needs, and who is on the device."""
    device: DeviceKind = job["device"]
    before = neighbours(device)
    own_device(device)
    if device == "cuda":
        torch.zeros(1, device="cuda")
    after = neighbours(device, sleep=lambda _: None)
    smi = shutil.which("nvidia-smi")
    asked = [smi or "", "--query-gpu=name,driver_version,power.limit,clocks.max.sm", "--format=csv"]
    seen = subprocess.run(asked, capture_output=True, text=True, check=False) if smi else None
    return {
        "device": detect(device).device,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if device == "cuda" else None,
        "compiler": shutil.which("cc") or shutil.which("gcc"),
        "python_h": (Path(sysconfig.get_paths()["include"]) / "Python.h").exists(),
        "nvidia_smi": " ".join(seen.stdout.split()) if seen else None,
        "neighbours_before": before.processes,
        "neighbours_after": after.processes,
    }


def attention(job: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds of each attention by each kernel that can do it."""
    device = own_device(job["device"])
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    tokens = TOKENS[device.type]
    one, four, all_ = (1, 32, 1, 128), (1, 8, 4, 128), (1, 16, tokens, 128)
    keys, mask = (1, 8, tokens, 128), (1, 1, 4, tokens)
    calls = {
        "one query, grouped heads": Call(one, keys, keys, None, None, False, True, dtype),
        "four queries, masked": Call(four, keys, keys, mask, torch.bool, False, False, dtype),
        f"causal {tokens:,}": Call(all_, all_, all_, None, None, True, False, dtype),
    }
    return {
        name: dict(choose(Counter([call]), device, None, splits=not call.causal).seconds or {})
        for name, call in calls.items()
    }


def replay(job: dict[str, Any]) -> dict[str, Any]:
    """Logits of the step as it is timed, beside those of a full eager pass over the same tokens."""
    case = Task.model_validate(job["case"])
    device = own_device(case.device)
    ceilings.set_matmul_precision(case.workload.precision)
    blueprint = zoo.resolve(case.model)
    torch.manual_seed(case.seed)
    decoder, _, step, captured = writer(job_of(case, blueprint, device))
    written = decoder.logits  # a captured step writes its own here, whatever is read in between
    decoder.prefill()
    logits, tokens = [decoder.logits.clone()], [decoder.token.clone()]
    for _ in range(REPLAYED):
        step()
        logits.append((written if captured else decoder.logits).clone())
        tokens.append(decoder.token.clone())
    whole = torch.cat([decoder.given["input_ids"], *tokens[:-1]], 1)
    with torch.inference_mode():
        expected = decoder.model(input_ids=whole, use_cache=False).logits
    expected = expected[:, -len(logits) :].float()
    furthest = (torch.cat(logits, 1).float() - expected).abs().max()
    return {
        "captured": captured,
        "relative_difference": float(furthest / expected.abs().max()),
        "tokens": REPLAYED,
    }


def generate(job: dict[str, Any]) -> dict[str, float]:
    """Tokens a second of transformers' own `generate`, greedy, eager, as it comes."""
    case = Task.model_validate(job["case"])
    device = own_device(case.device)
    dtype = torch.bfloat16 if case.workload.precision == "bfloat16" else torch.float32
    model: Any = zoo.build(zoo.resolve(case.model), device, dtype)
    new = int(job["new_tokens"])
    ids = torch.randint(10, model.config.vocab_size, (1, 16), device=device)
    clock = clock_for(device)
    options = {"do_sample": False, "attention_mask": torch.ones_like(ids), "pad_token_id": 0}
    with torch.inference_mode():
        model.generate(ids, max_new_tokens=4, min_new_tokens=4, **options)
        clock.wait()
        start = perf_counter()
        model.generate(ids, max_new_tokens=new, min_new_tokens=new, **options)
        clock.wait()
    return {"tokens_per_s": new / (perf_counter() - start)}


def products(job: dict[str, Any]) -> dict[str, Any]:
    """Matrix products of one eager step by number format, and how often the host waited."""
    case = Task.model_validate(job["case"])
    device = own_device(case.device)
    work = prepare(case, device)
    work.step()
    with _Formats() as seen, warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        work.step()
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    syncs = sum(WAITED in str(one.message) for one in noted)
    return {"products": seen.counts, "syncs": syncs}


class _Formats(TorchDispatchMode):
    """Counts products by the widest number format that they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        given = [one for one in tree_leaves(args) if isinstance(one, torch.Tensor)]
        outer = name in ("mm", "bmm") and given[0].shape[-1] == 1  # angles of rotary positions
        if name in PRODUCTS and not outer:
            wide = max(
                (one.dtype for one in given if one.dtype.is_floating_point),
                key=lambda one: one.itemsize,
            )
            key = str(wide).removeprefix("torch.")
            self.counts[key] = self.counts.get(key, 0) + 1
        return func(*args, **(kwargs or {}))
