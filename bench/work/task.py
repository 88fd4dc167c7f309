"""What is asked for (`Task`) and what is ready to be timed (`Work`).

A case is frozen, travels to its worker process as JSON and is named by a hash of its content, by
which a suite knows what it has already measured. `prepare.prepare(case, device)` turns it into a
`Work`; `run.worker` times that and knows nothing of models. In a run over several devices the
default process group exists before `prepare` is called and the work is that of one rank.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from modelworth.data.json_reader import LARGEST_WHOLE
from modelworth.data.measurement import Model, Workload
from modelworth.data.record import Record
from modelworth.data.words import SHORT, Unit

DeviceKind = Literal["cpu", "cuda"]
Step = Callable[[], object]
Width = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=1e7)]
"""Up to four months, within which any case ends."""
Samples = Annotated[int, Field(ge=1, le=10**6)]
"""So many are kept in memory and in the record."""


class Task(Record):
    """One workload of one model on one kind of device.

    Attributes:
        model: a name of the catalogue or the zoo, a hub id, a local folder or a config.json.
        config: a transformers config to build instead of the one that `model` names; empty: none.
        workload: every choice that changes the speed, defaults already filled in.
        trust_remote_code: run Python code that comes with a hub model; off unless asked for.
    """

    model: str = Field(min_length=1)
    config: dict[str, Any] = Field(default_factory=dict)
    weights: Literal["random", "pretrained"] = "random"
    trust_remote_code: bool = False
    workload: Workload
    device: DeviceKind = "cpu"
    seed: int = Field(default=0, ge=0, le=LARGEST_WHOLE)

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """A short name for people, such as `ladder-16m decode bf16, compiled, batch 1 × 512`."""
        work = self.workload
        attention = work.attention if work.attention not in (None, "sdpa") else ""
        choices = (SHORT[work.precision], "compiled" if work.compiled else "", attention)
        size = f" × {work.prompt_tokens}" if work.prompt_tokens else ""
        new = f" + {work.new_tokens}" if work.new_tokens and work.new_tokens > 1 else ""
        how = ", ".join(filter(None, (*choices, f"batch {work.batch}{size}{new}")))
        return f"{self.model} {work.kind} {how}"


class Limits(Record):
    """How long and how precisely a case is measured; no part of what the case is.

    Attributes:
        precision: half the width of the 95% interval of the median, relative, at which to stop.
        timed_s: seconds of timed steps after which to stop anyway.
        warmup_s: seconds of warm-up after which a case that hasn't settled is marked `unsteady`.
        time_limit_s: seconds after its first step after which the worker is killed and the case
            recorded as `timeout`.
        start_limit_s: seconds that building, compiling and the first step may take before that.
        min_samples: timed steps at least, unless they would take over four times `timed_s`.
        memory: whether to measure memory, in a pass after the timed one.
    """

    precision: Width = 0.01
    timed_s: Seconds = 10.0
    warmup_s: Seconds = 10.0
    time_limit_s: Seconds = 600.0
    start_limit_s: Seconds = 900.0
    min_samples: Samples = 8
    max_samples: Samples = 2000
    memory: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """A case made ready: what to time, and what one step is worth on this rank.

    Attributes:
        step: enqueues one step on the device; no synchronisation inside, no result kept.
        unit: the natural unit of the work.
        work_per_step: units done by one `step` on this rank (training: all accumulated
            micro-batches; decode: one token for each sequence; generate: batch × new_tokens).
        model_flops_per_step: for the mathematics, recomputation left out, this rank.
        kernel_flops_per_step: of those, what no kernel can leave out; None: all of them.
        bytes_per_step: what must at least move through memory in a step (decode: active weights
            and the cache that is read); None where that isn't what limits the step.
        model: what ran, for the record, with parameter counts and config.
        parts: named pieces that, run in order, are `step` (generate: `prefill`, then `decode`);
            each is timed as well. Empty where a step has no pieces.
        phases: pieces likewise, whose peaks of memory are told apart (training: `forward`,
            `backward`, `optimizer`) and whose times are not; the parts where there are none.
        reset: called before each step, outside of what is timed; None where nothing needs it.
        attention: the implementation in use (`sdpa`, `eager`, `flash_attention_2`).
        attention_kernel: the kernel that sdpa runs by, and `attention_s`: the seconds of the step's
            calls by each that was tried.
        compiled: whether the step really runs compiled, and in which mode.
        fused_projections: whether projections of one input are one product; None: no question.
        chunked_loss: whether logits are made a few rows at a time; None: no question.
        quantization: how weights are stored that are narrower than the rest of the work.
        weight_bits: of one that products read, the mean, scales included.
        weights_bytes: storage of the parameters on this rank; the other parts likewise; None where
            the kind of work has none. `predicted_bytes` is the peak expected before running.
    """

    step: Step
    unit: Unit
    work_per_step: float
    model: Model
    model_flops_per_step: float | None = None
    kernel_flops_per_step: float | None = None
    bytes_per_step: float | None = None
    parts: tuple[tuple[str, Step], ...] = ()
    phases: tuple[tuple[str, Step], ...] = ()
    reset: Step | None = None
    attention: str | None = None
    compiled: bool = False
    compile_mode: str | None = None
    cuda_graphs: bool = False
    fused_projections: bool | None = None
    attention_kernel: str | None = None
    attention_s: Mapping[str, float] | None = None
    chunked_loss: bool | None = None
    quantization: str | None = None
    weight_bits: float | None = None
    weights_bytes: int | None = None
    gradients_bytes: int | None = None
    optimizer_bytes: int | None = None
    cache_bytes: int | None = None
    logits_bytes: int | None = None
    predicted_bytes: int | None = None
