"""What the hardware can really do, measured: the lines that every figure stands beside.

The best of several shapes and repetitions counts, because a ceiling is what was reached once;
buffers are far larger than the last cache. Bus bandwidth of an all-reduce over n devices is
2(n − 1)/n × bytes / seconds, as nccl-tests define it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
from torch import distributed

from modelworth.bench.timing.clock import Clock, clock_for
from modelworth.data.measurement import Ceilings
from modelworth.data.words import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "fp8": torch.float8_e4m3fn,
}
"""Of the factors of products; int8 and int4 are formats of weights, multiplied in bfloat16."""
MATMUL_SIZES = {"cpu": (1024, 2048), "cuda": (4096, 8192, 12288, 16384)}
COPY_BYTES = {"cpu": 2**28, "cuda": 2**31}
ROW_LENGTHS = (2048, 4096, 8192)
COLLECTIVE_BYTES = {"cpu": (2**22, 2**25), "cuda": (2**26, 2**28, 2**30)}


def probe(device: torch.device, precision: Precision, budget_s: float = 1.0) -> Ceilings:
    """Measure a device's ceilings, `budget_s` seconds for each."""
    set_matmul_precision(precision)
    clock, factors = clock_for(device), DTYPES.get(precision, torch.bfloat16)
    dtype = torch.bfloat16 if factors is torch.float8_e4m3fn else factors
    with torch.inference_mode():
        return Ceilings(
            matmul_flops_per_s=_matmul(device, factors, clock, budget_s),
            copy_bytes_per_s=_copy(device, clock, budget_s),
            read_bytes_per_s=_read(device, dtype, clock, budget_s),
            collective_bytes_per_s=_all_reduce(device, dtype, clock, budget_s),
        )


def set_matmul_precision(precision: Precision) -> None:
    """TF32 where it is asked for, true float32 otherwise, in products and in convolutions."""
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def _best_s(action: Callable[[], object], clock: Clock, budget_s: float) -> float:
    """Shortest time of one call, over as many as fit in the budget (two at least, after one)."""
    action()
    clock.wait()
    best, start = float("inf"), perf_counter()
    done = 0
    while done < 2 or perf_counter() - start < budget_s:
        before = clock.mark()
        action()
        after = clock.mark()
        clock.wait()
        best = min(best, clock.seconds(before, after))
        done += 1
    return best


def _matmul(device: torch.device, dtype: torch.dtype, clock: Clock, budget_s: float) -> float:
    rates = []
    for size in MATMUL_SIZES[device.type]:
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        multiply = _multiplier(left, right)
        share_s = budget_s / len(MATMUL_SIZES[device.type])
        rates.append(2 * size**3 / _best_s(multiply, clock, share_s))
    return max(rates)


def _multiplier(left: torch.Tensor, right: torch.Tensor) -> Callable[[], object]:
    """The product of two matrices, into a place that is there already where the kernel has one."""
    if left.dtype is torch.float8_e4m3fn:
        one, turned = torch.ones((), device=left.device), right.t()
        fast = {"out_dtype": torch.bfloat16, "use_fast_accum": True}
        return lambda: torch._scaled_mm(left, turned, one, one, **fast)
    out = torch.empty(left.shape[0], right.shape[1], device=left.device, dtype=left.dtype)
    return lambda: torch.mm(left, right, out=out)


def _copy(device: torch.device, clock: Clock, budget_s: float) -> float:
    source = torch.ones(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    seconds = _best_s(lambda: target.copy_(source), clock, budget_s / 2)
    return 2 * COPY_BYTES[device.type] / seconds


def _read(device: torch.device, dtype: torch.dtype, clock: Clock, budget_s: float) -> float:
    """Best matrix-vector product, by either route and several row lengths of one large matrix."""
    total = COPY_BYTES[device.type]
    flat = torch.ones(total // dtype.itemsize, device=device, dtype=dtype)
    calls = [
        product
        for length in ROW_LENGTHS
        for product in _vector_products(flat.view(-1, length), flat[:length])
    ]
    return total / min(_best_s(call, clock, budget_s / 2 / len(calls)) for call in calls)


def _vector_products(
    matrix: torch.Tensor, vector: torch.Tensor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The two routes: of linear algebra and of a linear layer."""
    row = vector[None]
    return lambda: torch.mv(matrix, vector), lambda: torch.nn.functional.linear(row, matrix)


def _all_reduce(
    device: torch.device, dtype: torch.dtype, clock: Clock, budget_s: float
) -> float | None:
    """Bus bandwidth between the ranks; None for a single one. Every rank makes the same calls."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return None
    ranks = distributed.get_world_size()
    if ranks < 2:
        return None
    rates = []
    for size in COLLECTIVE_BYTES[device.type]:
        buffer = torch.zeros(size // dtype.itemsize, device=device, dtype=dtype)
        seconds = _slowest_s(buffer, clock, calls=5 if budget_s < 1 else 10)
        rates.append(2 * (ranks - 1) / ranks * size / seconds)
    return max(rates)


def _slowest_s(buffer: torch.Tensor, clock: Clock, calls: int) -> float:
    """Best call's seconds, each call as slow as its slowest rank."""
    times = []
    for _ in range(calls + 1):
        clock.wait()
        distributed.barrier()
        before = clock.mark()
        distributed.all_reduce(buffer)
        after = clock.mark()
        clock.wait()
        times.append(clock.seconds(before, after))
    slowest = torch.tensor(times[1:], device=buffer.device, dtype=torch.float64)
    distributed.all_reduce(slowest, op=distributed.ReduceOp.MAX)
    return float(slowest.min())
