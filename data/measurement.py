"""One workload on one machine: the record that everything else is followed back to.

A `Measurement` says what ran, on what, what came out and where it comes from. It is frozen once
written and named by its content, so the same record has the same id everywhere. Unknown is None,
never 0. SI units inside; the unit is in each name.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from modelworth.data.quality import Score
from modelworth.data.record import (
    Celsius,
    Config,
    Count,
    Degree,
    Name,
    NonNegative,
    Positive,
    PositiveCount,
    Record,
    Share,
    Size,
    Text,
    Utilisation,
    require_ordered,
)
from modelworth.data.serving import Drafting, Load, Serving, optional_part
from modelworth.data.study import Study
from modelworth.data.words import Family, Kind, Origin, Precision, Status, Unit

MachineKind = Literal["cpu", "cuda", "rocm", "tpu", "other"]
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Model(Record):
    """What ran: an architecture and its size.

    Attributes:
        parameters_matmul: parameters used in matrix products (the input embedding excluded, the
            output head included even when tied).
        config: the transformers config as a dictionary; enough to build the model again.
    """

    name: Name
    family: Family
    parameters_total: PositiveCount | None = None
    parameters_active: PositiveCount | None = None
    parameters_matmul: PositiveCount | None = None
    weights: Literal["random", "pretrained"] | None = None
    config: Config = Field(default_factory=dict)


class Layout(Record):
    """How the work is spread: the product of the degrees is the number of devices."""

    data: Degree = 1
    fully_sharded: bool = False
    tensor: Degree = 1
    pipeline: Degree = 1
    expert: Degree = 1
    nodes: Degree = 1

    @property
    def devices(self) -> int:
        """Devices used (expert parallelism shares the data-parallel ones)."""
        return self.data * self.tensor * self.pipeline

    @property
    def splits_weights(self) -> bool:
        """Whether one layer's weights are spread over devices."""
        return self.tensor > 1 or self.fully_sharded


class Workload(Record):
    """What it did: one step of a kind of work, with the choices that change its speed.

    Attributes:
        batch: sequences or images in one step on one data-parallel rank, before accumulation.
        prompt_tokens: tokens a sequence has when the step starts (training: its length).
        new_tokens: tokens generated a sequence (decode and generate).
        context_tokens: tokens in the cache before the prompt (a prompt read at a depth).
        quantization: how the weights are stored, where that isn't the precision (`Q4_K_M`).
        weight_bits: a stored weight's mean bits, its scales included.
        clip_norm: to which the norm of a training step's gradients was clipped.
        fused_projections: whether projections of one input ran as one product (query, key and
            value; gate and up); False where a family has none to join.
        denoising_steps: that a diffusion model takes for an image.
        attention_kernel: by which sdpa ran: PyTorch's flash, cudnn, efficient, math, or split.
        chunked_loss: whether a training step's logits were made, and forgotten, a few at a time.
        chunk_tokens: of a prompt that one pass reads at most.
        cache_format: of cached keys and values (`fp8`, `q8_0`; `q8_0/q4_0` where they differ).
        drafting: how tokens were guessed ahead; None: nothing says that they were.
        gpu_layers: layers that ran on the accelerator, where the rest ran on the CPU.
        host_expert_layers: layers whose experts were left on the CPU.
    """

    kind: Kind
    batch: Size
    prompt_tokens: Size | None = None
    new_tokens: Size | None = None
    image_pixels: Size | None = None
    precision: Precision
    attention: Name | None = None
    compiled: bool = False
    compile_mode: Name | None = None
    cuda_graphs: bool = False
    optimizer: Name | None = None
    gradient_accumulation: Size = 1
    activation_checkpointing: bool = False
    lora_rank: Size | None = None
    engine: Name = "transformers"
    concurrency: Size | None = None
    layout: Layout = Layout()
    context_tokens: Size | None = optional_part()
    quantization: Name | None = optional_part()
    weight_bits: Annotated[float, Field(gt=0, le=64)] | None = optional_part()
    chunk_tokens: Size | None = optional_part()
    cache_format: Name | None = optional_part()
    drafting: Drafting | None = optional_part()
    gpu_layers: Count | None = optional_part()
    host_expert_layers: Count | None = optional_part()
    clip_norm: Positive | None = optional_part()
    fused_projections: bool | None = optional_part()
    denoising_steps: Size | None = optional_part()
    attention_kernel: Name | None = optional_part()
    chunked_loss: bool | None = optional_part()

    @property
    def manner(self) -> str:
        """How it was served, where that isn't plain: `, fp8 cache, EAGLE3 guessed ahead`."""
        cached = f", {self.cache_format} cache" if self.cache_format else ""
        drafting = self.drafting
        return f"{cached}, {drafting.method or 'tokens'} guessed ahead" if drafting else cached


class Ceilings(Record):
    """What the hardware reached on this machine doing nothing else, just before the suite.

    Attributes:
        matmul_flops_per_s: best large matrix product at the workload's precision, one device.
        copy_bytes_per_s: best large copy, bytes read plus bytes written, one device.
        read_bytes_per_s: best matrix-vector product's read rate, the ceiling that decoding meets.
        collective_bytes_per_s: best all-reduce bus bandwidth between the devices used.
    """

    matmul_flops_per_s: Positive | None = None
    copy_bytes_per_s: Positive | None = None
    read_bytes_per_s: Positive | None = None
    collective_bytes_per_s: Positive | None = None


class Machine(Record):
    """On what: the device, its surroundings and the two measured ceilings.

    Attributes:
        device: name as in the catalogue of accelerators, or what the driver or CPU calls itself.
        machine_id: a hash that tells machines apart without naming them.
    """

    device: Name
    kind: MachineKind
    count: Degree = 1
    memory_bytes: PositiveCount | None = None
    driver: Name | None = None
    power_limit_w: Positive | None = None
    cpu: Name | None = None
    cpu_cores: Degree | None = None
    host_memory_bytes: PositiveCount | None = None
    system: Name | None = None
    machine_id: Name | None = None
    libraries: dict[Name, Text] = Field(default_factory=dict)
    ceilings: Ceilings = Ceilings()


class Interval(Record):
    """A value with its 95% confidence interval; None where samples were too few for one."""

    value: Positive
    low: NonNegative | None = None
    high: Positive | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require_ordered(self.value, self.low, self.high)
        return self


class Latency(Record):
    """Seconds a step took; a quantile is None where samples are too few to know it."""

    mean_s: Positive
    p50_s: Positive
    p90_s: Positive | None = None
    p95_s: Positive | None = None
    p99_s: Positive | None = None
    first_token_s: Positive | None = None
    per_token_s: Positive | None = None


class Memory(Record):
    """Peak bytes on the busiest device, and where they went; from a pass of its own.

    Attributes:
        phase_peak_bytes: allocated peak by phase, such as forward, backward and optimizer; left out
            of a record that has none, whose id is then that of records from before there were any.
    """

    predicted_bytes: Count | None = None
    allocated_peak_bytes: Count | None = None
    reserved_peak_bytes: Count | None = None
    driver_peak_bytes: Count | None = None
    host_peak_bytes: Count | None = None
    weights_bytes: Count | None = None
    gradients_bytes: Count | None = None
    optimizer_bytes: Count | None = None
    activations_bytes: Count | None = None
    cache_bytes: Count | None = None
    logits_bytes: Count | None = None
    allocator_retries: Count | None = None
    phase_peak_bytes: dict[Name, Count] | None = optional_part()


class Energy(Record):
    """Joules over the timed window, by the energy counter or by integrated power."""

    energy_j: NonNegative | None = None
    energy_j_per_unit: NonNegative | None = None
    mean_power_w: NonNegative | None = None
    method: Literal["counter", "integrated"] | None = None
    valid: bool
    reason: Text | None = None


class Condition(Record):
    """State of the machine while it ran; flags name what makes a figure doubtful."""

    sm_clock_mhz: Positive | None = None
    temperature_c: Celsius | None = None
    throttle_reasons: tuple[Text, ...] = ()
    other_processes: Count | None = None
    host_load: NonNegative | None = None
    flags: tuple[Literal["unsteady", "contended", "throttled", "few_samples"], ...] = ()


def kernel_share(
    utilisation: float | None, model_flops: float | None, kernel_flops: float | None
) -> float | None:
    """A utilisation by model FLOPs as one by the FLOPs that kernels can't leave out."""
    if utilisation is None or not model_flops or not kernel_flops:
        return utilisation
    return utilisation * kernel_flops / model_flops


class Result(Record):
    """What came out of a run that worked.

    Attributes:
        work_per_step: units done in one step, over all devices.
        throughput_per_s: units per second over all devices, from the median step.
        kernel_flops_per_step: of the model FLOPs, those that no kernel can leave out: only the
            pairs of tokens that a causal mask or a window lets through; None: all of them.
        mfu: model FLOPs per second / (devices × measured matmul ceiling); above 1 only where the
            kernels' FLOPs explain it.
        mbu: bytes that must move per second / (devices × measured bandwidth ceiling).
        mfu_datasheet: the same against the catalogue's dense peak, where the device is known.
        attention_s: seconds of a step's attention calls by each kernel that was tried for them.
        samples_s: seconds of the timed steps, in order; of very many, evenly spaced ones.
        serving: what the requests of a served endpoint saw; latency then is of whole requests.
        quality: what the model scored while it ran.
    """

    unit: Unit
    work_per_step: Positive
    throughput_per_s: Interval
    throughput_per_s_per_device: Positive
    latency: Latency
    model_flops_per_step: Positive | None = None
    bytes_per_step: Positive | None = None
    mfu: Utilisation | None = None
    mbu: Share | None = None
    mfu_datasheet: Utilisation | None = None
    memory: Memory = Memory()
    energy: Energy | None = None
    condition: Condition = Condition()
    warmup_steps: Count = 0
    effective_samples: NonNegative | None = None
    samples_s: tuple[Positive, ...] = ()
    serving: Serving | None = optional_part()
    quality: tuple[Score, ...] | None = optional_part()
    kernel_flops_per_step: Positive | None = optional_part()
    attention_s: dict[Name, Positive] | None = optional_part()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("mfu", "mfu_datasheet"):
            done = self.of_kernels(getattr(self, name))
            if done is not None and done > 1:
                raise ValueError(f"{name} {done:.3f} of what kernels do is above 1")
        return self

    def of_kernels(self, utilisation: float | None) -> float | None:
        """An MFU of this result with only the FLOPs that kernels can't leave out."""
        return kernel_share(utilisation, self.model_flops_per_step, self.kernel_flops_per_step)


class Provenance(Record):
    """Where the record comes from: here, another tool's file, or a publication."""

    origin: Origin
    tool: Name
    tool_version: Name | None = None
    citation: Text | None = None
    command: Text | None = None
    commit: Name | None = None

    @model_validator(mode="after")
    def _cited(self) -> Self:
        if self.origin != "measured" and not self.citation:
            raise ValueError(f"a record of origin '{self.origin}' must carry a citation")
        return self


class Measurement(Record):
    """One workload on one machine.

    Attributes:
        id: first 20 hexadecimal digits of the SHA-256 of the content; computed when absent.
        case: hash of what was asked for (model, workload, device), by which a suite resumes.
        recorded_at: UTC.
        load: how a served endpoint was loaded; also where all its requests failed.
        study: what a run of `modelworth study` was about; left out of a record of anything else,
            whose id is then that of records from before there were studies.
    """

    schema_version: Annotated[int, Field(ge=1, le=1, strict=True)] = 1
    id: str = ""
    recorded_at: AwareDatetime
    suite: Name | None = None
    case: Name | None = None
    model: Model
    workload: Workload
    machine: Machine
    status: Status
    reason: Text | None = None
    result: Result | None = None
    study: Study | None = optional_part()
    provenance: Provenance
    load: Load | None = optional_part()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not EARLIEST <= self.recorded_at <= LATEST:
            raise ValueError(f"recorded_at {self.recorded_at:%Y-%m-%d} isn't in 2000 to 2100")
        if (self.status == "ok") != (self.result is not None):
            raise ValueError("a result is there exactly when status is 'ok'")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"status '{self.status}' needs a reason")
        if (self.workload.kind == "study") != (self.study is not None):
            raise ValueError("a study is there exactly when the kind of work is 'study'")
        expected = self.content_id()
        if not self.id:
            object.__setattr__(self, "id", expected)
        elif self.id != expected:
            raise ValueError(f"id {self.id} doesn't match the content ({expected}): altered record")
        return self

    def content_id(self) -> str:
        """The id that the content gives."""
        content = self.model_dump(mode="json", exclude={"id"})
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]
