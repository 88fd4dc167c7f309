"""One piece of work to predict: a model, a device, how many, what to do.

`Case.of` makes one from words, `Case.of_record` from a measurement; `columns` turns cases into the
arrays of the step model. What runs it (`software`) decides the modes: ways of running for which
there is a mechanism, such as attention kernels of a generation or launches without a graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.prediction.case_fields import LEAST
from modelworth.costmodel.prediction.software import (
    has_trait,
    is_before,
    software_name,
    version_of,
)
from modelworth.costmodel.prediction.step.coefficients import Kind, generation_of
from modelworth.costmodel.prediction.step.device import RATES
from modelworth.data.catalog import Accelerator, Catalog, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.serving import Drafting
from modelworth.data.weight_formats import weight_format
from modelworth.data.words import WORK_OF, Sharding, Work

Regime = Literal["closed", "queued", "static"]

SPELLINGS = {
    "float32": "fp32",
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "mixed": "amp",
    "mxfp4": "fp4",
    "nvfp4": "fp4",
}
FUSED_TOKENS = 384
"""Longest sequence that FasterTransformer's attention of TensorRT takes, in 16 bits or fewer."""
FUSED_EXPERTS = {"Hopper": (26, 2, 1), "Blackwell": (26, 6)}
"""Release from which Megatron's experts scale their inputs to 8 bits within the products' kernels,
by the generation whose kernels these are; before, in kernels of their own."""
MOST_DEVICES = 1_000_000
"""More than any cluster has."""
LARGEST = 1e15
"""More than any count is: parameters of a thousand of today's largest models."""
PREDICTED_KINDS = ("pretrain", "prefill", "forward", "decode", "serve")
"""Kinds of measurements that a case can stand for."""
BEYOND_STEPS = ("speech", "image-text", "vision-language", "diffusion")
"""Families whose passes have a part that a case doesn't tell: a sound, an image beside the text."""


@dataclass(frozen=True, slots=True)
class Case:
    """What to predict; `data/case_fields.csv` says what each field is. None: what is usual."""

    work: Work
    architecture: Architecture
    accelerator: Accelerator
    gpus: int = 1
    precision: str = "bf16"
    batch: float = 1
    tokens: float = 1024
    new_tokens: float = 1
    software: str | None = None
    compiled: bool = False
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    context: int = 1
    virtual: int | None = None
    sharding: Sharding = "none"
    global_batch: float | None = None
    recomputed: float = 0.0
    overlapped: bool = False
    regime: Regime = "closed"
    kv_precision: str | None = None
    max_sequences: float | None = None
    memory_share: float = 0.9
    prefix_share: float = 0.0
    attention_data: int = 1
    drafted: int = 0
    acceptance: float = 0.0
    read_gpus: int = 0
    read_tensor: int = 1
    read_pipeline: int = 1

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= LARGEST:
                allowed = f"at most {LARGEST:g}" if value > LARGEST else f"{least} or more"
                raise InputError(name, value, allowed)
        if self.work not in get_args(Work):
            raise InputError("work", self.work, f"one of {', '.join(get_args(Work))}")
        for name in ("prefix_share", "acceptance"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "from 0 to under 1")
        if not 0 < self.memory_share <= 1:
            raise InputError("memory_share", self.memory_share, "above 0, at most 1")
        self._require_layout()

    def _require_layout(self) -> None:
        groups = {
            "gpus": self.tensor * self.pipeline * self.context,
            "read_gpus": self.read_tensor * self.read_pipeline,
        }
        for name, split in groups.items():
            if getattr(self, name) % split:
                allowed = f"a multiple of {split}: the layout's devices"
                raise InputError(name, getattr(self, name), allowed)
        layers = self.architecture.layers
        for name, cut in (("pipeline", self.pipeline), ("virtual", self.virtual or 1)):
            if cut > layers:
                raise InputError(name, cut, f"at most {layers}: the model's layers")
        if self.devices > MOST_DEVICES:
            raise InputError("gpus", self.devices, f"at most {MOST_DEVICES:,}")
        if self.tensor % self.attention_data:
            raise InputError("attention_data", self.attention_data, f"a divisor of {self.tensor}")
        if self.read_gpus and (self.work != "serve" or self.regime == "static"):
            found = f"{self.work}, {self.regime}"
            raise InputError("prompts read apart", found, "serve, closed or queued")

    @classmethod
    def of(cls, model: str, device: str, catalog: Catalog | None = None, **asked: Any) -> Case:
        """A case by the names of a shipped model and device; `asked` are fields of a case.

        Raises:
            InputError: if one isn't known, or the case can't be.
        """
        catalog = catalog or load_catalog()
        entry = catalog.model(model)
        architecture = read_model(entry.config, entry.name)
        return cls.on(architecture, catalog.accelerator(device), **asked)

    @classmethod
    def on(cls, architecture: Architecture, accelerator: Accelerator, **asked: Any) -> Case:
        """A case with what follows from its work filled in.

        A precision in any spelling; images have as many tokens as patches. Unless `asked` says
        otherwise, a model is served as its checkpoint is stored and trained in bf16, and a server's
        devices share its products.
        """
        work = asked.setdefault("work", "serve")
        own, cached = "bf16", asked.get("kv_precision")
        if work != "train":
            own, wide = architecture.own_precision, architecture.own_cache_precision == "bf16"
            cached = cached or (None if wide else architecture.own_cache_precision)
        asked["precision"] = precision_name(str(asked.get("precision") or own))
        asked["kv_precision"] = precision_name(cached) if cached else None
        if architecture.patches is not None:
            asked["tokens"] = float(architecture.patches.tokens)
        if work != "train" and asked.get("tensor") is None:
            gpus, stages = (int(asked.get(name, 1)) for name in ("gpus", "pipeline"))
            asked["tensor"] = max(gpus // max(stages, 1), 1)
        if work != "serve":
            asked["new_tokens"] = 1
        return cls(architecture=architecture, accelerator=accelerator, **asked)

    @classmethod
    def of_record(
        cls, record: Measurement, accelerator: Accelerator, architecture: Architecture | None = None
    ) -> Case:
        """The case that a record measured, on a device as the catalogue or its ceilings have it.

        `architecture` is the record's where its own config isn't to be read.

        Raises:
            InputError: if its kind or model can't be predicted.
        """
        work = record.workload
        if work.kind not in PREDICTED_KINDS:
            allowed = f"one of {', '.join(PREDICTED_KINDS)}"
            raise InputError(f"measurement {record.id}: kind", work.kind, allowed)
        if record.model.family in BEYOND_STEPS:
            where, family = f"measurement {record.id}: family", record.model.family
            raise InputError(where, family, "one that predictions know: tokens or images alone")
        architecture = architecture or read_model(record.model.config, record.model.name)
        patches = architecture.patches.tokens if architecture.patches else 1
        serving = work.kind == "serve"
        return cls(
            work=WORK_OF[work.kind], architecture=architecture, accelerator=accelerator,
            gpus=max(work.layout.devices, 1), precision=precision_name(work.precision),
            batch=(work.concurrency or work.batch) if serving else work.batch,
            tokens=work.prompt_tokens or patches,
            new_tokens=(work.new_tokens or 1) if serving else 1,
            software=work.engine, compiled=work.compiled, tensor=work.layout.tensor,
            pipeline=work.layout.pipeline, expert=work.layout.expert,
            sharding="full" if work.layout.fully_sharded else "none",
            global_batch=work.batch * work.gradient_accumulation * work.layout.data,
            recomputed=1.0 if work.activation_checkpointing else 0.0,
            kv_precision=_cached(work.cache_format), **_drafted(work.drafting),
        )  # fmt: skip

    @property
    def reader(self) -> Case | None:
        """The devices that read prompts apart; attention is divided as often as where they decode.

        None where those that decode read them.
        """
        if not self.read_gpus:
            return None
        divided = max(self.read_tensor * self.attention_data // self.tensor, 1)
        return replace(
            self, work="prefill", gpus=self.read_gpus, tensor=self.read_tensor, batch=1,
            pipeline=self.read_pipeline, attention_data=divided, regime="closed", drafted=0,
            read_gpus=0, read_tensor=1, read_pipeline=1,
        )  # fmt: skip

    @property
    def devices(self) -> int:
        """All devices, those that read prompts apart included."""
        return self.gpus + self.read_gpus

    @property
    def data(self) -> int:
        """Data-parallel ranks."""
        return self.gpus // (self.tensor * self.pipeline * self.context)

    @property
    def whole(self) -> float:
        """Tokens of a sequence at its end."""
        return self.tokens + (self.new_tokens if self.work == "serve" else 0)

    @property
    def unit_tokens(self) -> float:
        """Tokens of what its speed counts: of an image where it trains on such, else 1."""
        images = self.work == "train" and self.architecture.patches is not None
        return self.tokens if images else 1.0

    @property
    def kind(self) -> Kind:
        """Which coefficients apply."""
        return self.work if self.work in ("train", "forward") else "serve"

    @property
    def accepted(self) -> float:
        """Tokens that a decode pass yields for a sequence: its own and the guesses kept."""
        return sum(self.acceptance**place for place in range(self.drafted + 1))

    @property
    def micro_batches(self) -> float:
        """Passes of a replica in one optimizer step."""
        per_pass = self.batch * self.data
        return max((self.global_batch or per_pass * self.pipeline) / per_pass, 1)


def _cached(cache_format: str | None) -> str | None:
    """Precision of cached keys, of a format as a record has it; None for 16 bits, or unknown."""
    if cache_format is None:
        return None
    name = weight_format(cache_format.partition("/")[0]).products
    return None if name in ("bf16", "fp16", "fp32", "float16", "float32") else precision_name(name)


def _drafted(drafting: Drafting | None) -> dict[str, Any]:
    """Tokens guessed in a step, and the share kept at each place.

    Raises:
        InputError: if they were guessed, and how many or how well isn't known.
    """
    share = drafting and drafting.kept_at_each_place
    if drafting is not None and share is None:
        raise InputError("drafting", "tokens guessed ahead", "how many of how many were kept")
    return {} if drafting is None else {"drafted": drafting.drafted, "acceptance": share}


@lru_cache(maxsize=4096)
def precision_name(name: str) -> str:
    """A precision in the project's short words.

    Raises:
        InputError: if it isn't one.
    """
    plain = name.strip().casefold()
    within = [short for short in RATES if short in plain.replace("amp_", "")]
    short = SPELLINGS.get(plain) or (within[0] if within else plain)
    if short not in RATES:
        raise InputError("precision", name, f"one of {', '.join(RATES)}")
    return short


def factors_of(case: Case) -> tuple[tuple[str, str], ...]:
    """Which factors apply besides the common values: (level, name)."""
    found = [
        ("generation", generation_of(case.accelerator)),
        ("software", software_name(case.software) or ""),
        ("device", case.accelerator.name),
        *(("mode", mode) for mode, holds in MODES[case.kind](case).items() if holds),
    ]
    return tuple((level, name) for level, name in found if name)


def _forward_modes(case: Case) -> dict[str, bool]:
    odd = bool(case.tokens % 8) and case.precision in ("fp16", "bf16", "amp")
    return {
        "compiled": case.compiled,
        "engine": has_trait(case.software, "fusing"),
        "unaligned scores": odd and has_trait(case.software, "unfused"),
        "uncast": case.precision != "amp" and software_name(case.software) == "timm",
    }


def _serving_modes(case: Case) -> dict[str, bool]:
    name, generation = software_name(case.software), generation_of(case.accelerator)
    mixture = case.architecture.has_experts
    return {
        "compiled": case.compiled,
        f"{case.precision} weights": case.precision in ("fp8", "int8", "fp4", "int4"),
        "static": case.regime == "static" and not has_trait(case.software, "scheduling"),
        "older products": name == "llamacpp" and generation in ("Hopper", "Blackwell"),
        "rccl": case.accelerator.vendor == "AMD",
        "graphics memory": _graphics_memory(case.accelerator),
        "pipelined host": case.pipeline > 1 and has_trait(case.software, "overlapping"),
        "scaled inputs": case.precision == "fp8" and has_trait(case.software, "scaling"),
        "stacked reads": name == "llamacpp" and _stacked_memory(case.accelerator),
        "block experts": name == "vllm" and case.precision == "fp8" and mixture,
        "fp4 products": case.precision == "fp4" and generation.startswith("Blackwell"),
        "eager exchange": has_trait(case.software, "eager")
        or is_before(case.software, "graphs_since"),
    }


def _training_modes(case: Case) -> dict[str, bool]:
    generation = generation_of(case.accelerator)
    narrow = case.architecture.has_experts and case.precision in ("fp8", "fp4")
    version, fused = version_of(case.software), FUSED_EXPERTS.get(generation, (0,))
    megatron = software_name(case.software) == "megatron"
    apart = megatron and version is not None and version < fused
    slower = generation in ("Hopper", "Blackwell")
    return {
        "compiled": case.compiled,
        "plain norms": has_trait(case.software, "plain_norms") and not case.compiled,
        "flash attention 2": slower and has_trait(case.software, "flash_2"),
        "asynchronous exchange": case.overlapped,
        "pipelined experts": megatron and case.expert > 1 and case.pipeline > 1,
        "graphs": "GB" in case.accelerator.name.split()[0][:2],
        "narrow experts": narrow and not apart,
        "narrow experts apart": narrow and apart,
        "fp4 products": case.precision == "fp4",
    }


MODES = {"train": _training_modes, "forward": _forward_modes, "serve": _serving_modes}
"""Ways of running that have a mechanism of their own, by kind of work."""


def is_unfused(case: Case) -> bool:
    """Whether its attention writes scores to memory."""
    if software_name(case.software) == "fastertransformer" and case.work == "forward":
        return case.tokens > FUSED_TOKENS or case.precision in ("fp32", "tf32")
    return has_trait(case.software, "unfused")


def is_ungrouped(case: Case) -> bool:
    """Whether its kernels read a group's keys and values for each query head again."""
    return has_trait(case.software, "ungrouped") or is_before(case.software, "graphs_since")


def is_static(case: Case) -> bool:
    """Whether its engine runs one batch from its first to its last token."""
    return case.regime == "static" or (
        case.regime == "closed" and has_trait(case.software, "static")
    )


def cache_precision(case: Case) -> str | None:
    """Precision of cached keys and values: as said, else that of the engine's own checkpoints."""
    own = case.precision in ("fp8", "fp4") and has_trait(case.software, "narrow_cache")
    return "fp8" if own and case.kv_precision is None else case.kv_precision


def _stacked_memory(accelerator: Accelerator) -> bool:
    return accelerator.vendor in ("NVIDIA", "AMD") and not _graphics_memory(accelerator)


def _graphics_memory(accelerator: Accelerator) -> bool:
    """Whether a board has GDDR, which streams nearer to its peak than stacked memory."""
    names = ("RTX", "L4", "A10", "A40", "A6000", "T4")
    slow = accelerator.vendor == "NVIDIA" and accelerator.bandwidth_gb_per_s < 1800
    return slow and accelerator.name.startswith(names)
