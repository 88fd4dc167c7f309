"""Small works that behave or misbehave as a test asks, in the place of `prepare`."""

from __future__ import annotations

import errno
import os
import signal
import time

from modelworth.bench.work.task import Limits, Task, Work
from modelworth.data.measurement import Model, Workload

LIMITS = Limits(timed_s=0.02, warmup_s=0.02, time_limit_s=60, memory=False)
PREPARE = "tests.bench.stub:prepare"


def case(behaviour: str = "fine", batch: int = 1, **workload) -> Task:
    """A case whose worker behaves so."""
    kind = workload.pop("kind", "pretrain")
    return Task(
        model=f"stub-{behaviour}",
        config={"architectures": ["LlamaForCausalLM"], "model_type": "llama", "does": behaviour},
        workload=Workload(kind=kind, batch=batch, precision="float32", **workload),
    )


def session(store, limits: Limits = LIMITS, **more):
    """A run of these works, without ceilings."""
    from modelworth.bench.run.session import Session

    return Session(store, limits, prepare=PREPARE, ceilings=False, **more)


def prepare(case: Task, device) -> Work:
    import torch

    behaviour = case.config["does"]
    if behaviour in MISDEEDS:
        MISDEEDS[behaviour](case)
    matrix = torch.full((64, 64), 0.5, device=device)
    return Work(
        step=STEPS.get(behaviour, lambda: matrix + matrix),  # too small for a second thread
        unit="tokens",
        work_per_step=25.0 * case.workload.batch,
        model=Model(name=case.model, family="decoder", config=case.config),
        model_flops_per_step=1e30 if behaviour == "boast" else 2.0 * 64**3,
        weights_bytes=64 * 64 * 4,
    )


def _limit(case: Task) -> None:
    """Fits up to a batch of 11."""
    import torch

    if case.workload.batch > 11:
        raise torch.OutOfMemoryError(f"CUDA out of memory at batch {case.workload.batch}")


def _grid(case: Task) -> None:
    """A kernel that can't be launched from a batch of 6 on."""
    if case.workload.batch > 5:
        raise RuntimeError("CUDA error: invalid configuration argument\nCUDA kernel errors might")


def _full_disk(_: Task) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/cache")


def _hangs_later() -> None:
    _calls.append(None)
    time.sleep(600 if len(_calls) > 1 else 0)


_calls: list[None] = []
STEPS = {"busy": lambda: time.sleep(0.1), "hang later": _hangs_later}
MISDEEDS = {
    "limit": _limit,
    "grid": _grid,
    "crash": lambda _: (_ for _ in ()).throw(RuntimeError("shapes don't match")),
    "die": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "hang": lambda _: time.sleep(600),
    "slow": lambda _: time.sleep(0.4),
    "late": lambda _: time.sleep(2.5),
    "greedy": lambda _: __import__("torch").empty(2**46),
    "full disk": _full_disk,
}
