"""From what a person asks for (a model, a kind of work, maybe a batch) to a complete `Task`.

Every choice that was left open gets the default of the model's family and the device, so that a
case states all that decides its speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from modelworth.bench.models import zoo
from modelworth.bench.models.families import FAMILIES, USUAL_STEPS
from modelworth.bench.models.narrow_limits import NARROW, require_possible
from modelworth.bench.timing.machine import gpu
from modelworth.bench.work.task import DeviceKind, Task
from modelworth.data import words
from modelworth.data.errors import InputError, JoinedError, together
from modelworth.data.measurement import Layout, Workload
from modelworth.data.record import Degree, Positive, Record, Size
from modelworth.data.words import TRAINING, Family, Kind, Precision

KINDS: dict[Family, tuple[Kind, ...]] = {
    family: traits.kinds for family, traits in FAMILIES.items()
}
TOKENS: dict[DeviceKind, dict[Family, int]] = {
    "cpu": {"decoder": 256, "encoder": 128, "encoder-decoder": 128},
    "cuda": {"decoder": 2048, "encoder": 512, "encoder-decoder": 512},
}
NEW_TOKENS: dict[DeviceKind, int] = {"cpu": 32, "cuda": 256}
BATCH: dict[DeviceKind, dict[str, int]] = {
    "cpu": {"training": 1, "inference": 1},
    "cuda": {"training": 8, "inference": 1},  # 1.3 B saturates from 8 × 2,048 tokens on
}
FORWARD_BATCH: dict[DeviceKind, int] = {"cpu": 4, "cuda": 64}
LORA_RANK = 16
TEXT_BESIDE_IMAGE = 64
DENOISING_STEPS: dict[DeviceKind, int] = {"cpu": 4, "cuda": USUAL_STEPS}
MEASURED: tuple[Precision, ...] = (
    *("float32", "tf32", "bfloat16", "float16"),
    *("fp8", "int8", "int4"),
)
"""Number formats that steps run in here, or whose weights they read."""
AS_ASKED = (
    *("attention_kernel", "fused_projections", "chunked_loss", "clip_norm"),
    *("gradient_accumulation", "activation_checkpointing"),
)
"""Choices that a workload states as they were made."""
PLAIN = {"bool": "on or off", "int": "a whole number", "float": "a number"}
"""Kinds of value, where pydantic says what it couldn't parse."""
FLAGS = "--"
"""The place of what was typed on the command line."""
AttentionKernel = Literal["flash", "cudnn", "efficient", "math", "split"]
CompileMode = Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]


class Request(Record):
    """What is asked for; None leaves a choice to the defaults.

    Attributes:
        work: the kind of work.
        prompt_tokens: tokens of a sequence (training), of the prompt, or held when decoding.
        compile: whether to use torch.compile; a mode implies yes.
        fused_projections: whether layers of one input are joined (query, key and value; gate and
            up); None: where the family has such layers.
        chunked_loss: whether logits are made a few at a time; None: where the family can.
        attention_kernel: that sdpa runs by; None: the fastest, seen by trying.
        clip_norm: largest norm that all gradients together may have; None: any.
        data_parallel: ranks that each take a batch of their own (with `fully_sharded`: FSDP2).
    """

    model: str = Field(min_length=1)
    work: Kind
    batch: Size | None = None
    prompt_tokens: Size | None = None
    new_tokens: Size | None = None
    image_pixels: Size | None = None
    denoising_steps: Size | None = None
    precision: Precision | None = None
    attention: str | None = None
    attention_kernel: AttentionKernel | None = None
    compile: bool | None = None
    compile_mode: CompileMode | None = None
    cuda_graphs: bool | None = None
    fused_projections: bool | None = None
    chunked_loss: bool | None = None
    optimizer: str | None = None
    clip_norm: Positive | None = None
    gradient_accumulation: Size = 1
    activation_checkpointing: bool = False
    lora_rank: Size | None = None
    weights: Literal["random", "pretrained"] = "random"
    trust_remote_code: bool = False
    data_parallel: Degree = 1
    fully_sharded: bool = False
    tensor_parallel: Degree = 1
    nodes: Degree = 1
    seed: int = Field(default=0, ge=0)

    @field_validator("precision", mode="before")
    @classmethod
    def _spelled(cls, value: object) -> object:
        """`bf16`, `half` and the like as the one word."""
        if not isinstance(value, str):
            return value
        try:
            found = words.precision(value)
        except InputError as error:
            raise ValueError(_measurable(error.allowed)) from error
        if found not in MEASURED:
            raise ValueError(_measurable(""))
        return found

    def case(self, device: DeviceKind) -> Task:
        """The complete case.

        Raises:
            InputError: if there is no such model, or it can't do this kind of work.
        """
        blueprint = zoo.resolve(self.model, trust_remote_code=self.trust_remote_code)
        if self.work not in KINDS[blueprint.family]:
            found = f"{self.work}, of {self.model} ({blueprint.family})"
            raise InputError("work", found, f"one of {', '.join(KINDS[blueprint.family])}")
        if self.precision == "tf32" and device == "cpu":
            raise InputError("precision", "tf32", "fp32, bf16 or fp16 on a processor")
        workload = self._workload(blueprint, device)
        if workload.precision in NARROW:
            found = gpu() if device == "cuda" else None
            name, capability = (found.name, found.capability) if found else (device, None)
            require_possible(workload, blueprint, name, capability)
        return Task(
            model=self.model,
            weights=self.weights,
            trust_remote_code=self.trust_remote_code,
            workload=workload,
            device=device,
            seed=self.seed,
        )

    def _workload(self, blueprint: zoo.Blueprint, device: DeviceKind) -> Workload:
        training, cuda = self.work in TRAINING, device == "cuda"
        compiled = self.compile_mode is not None or (cuda if self.compile is None else self.compile)
        denoises = blueprint.family == "diffusion"
        graphs = cuda and self.work in ("decode", "generate") and not denoises
        steps = (self.denoising_steps or DENOISING_STEPS[device]) if denoises else None
        prompt_tokens, new_tokens, pixels = self._lengths(blueprint, device)
        return Workload(
            kind=self.work,
            batch=self.batch or self._default_batch(device),
            prompt_tokens=prompt_tokens,
            new_tokens=new_tokens,
            image_pixels=pixels,
            precision=self.precision or ("bfloat16" if cuda else "float32"),
            attention=self.attention or zoo.usual_attention(blueprint),
            compiled=compiled,
            compile_mode=(self.compile_mode or "default") if compiled else None,
            cuda_graphs=graphs if self.cuda_graphs is None else self.cuda_graphs,
            optimizer=(self.optimizer or "adamw_fused") if training else None,
            denoising_steps=steps if self.work == "generate" else None,
            **{name: getattr(self, name) for name in AS_ASKED},
            lora_rank=(self.lora_rank or LORA_RANK) if self.work == "finetune_lora" else None,
            layout=Layout(
                data=self.data_parallel,
                fully_sharded=self.fully_sharded,
                tensor=self.tensor_parallel,
                nodes=self.nodes,
            ),
        )

    def _default_batch(self, device: DeviceKind) -> int:
        if self.work == "forward":
            return FORWARD_BATCH[device]
        return BATCH[device]["training" if self.work in TRAINING else "inference"]

    def _lengths(
        self, blueprint: zoo.Blueprint, device: DeviceKind
    ) -> tuple[int | None, int | None, int | None]:
        """Prompt tokens, new tokens and image pixels, with the family's defaults."""
        family, config = blueprint.family, blueprint.config
        if "image_pixels" in FAMILIES[family].sizes or family == "speech":
            return self._lengths_beside_text(blueprint, device)
        new_tokens = self.new_tokens
        if family == "image-decoder":
            image = zoo.image_tokens(config)
            text = int(config["n_positions"]) - image
            reads_text = self.work in ("prefill", "generate")
            if new_tokens is None and self.work == "generate":
                new_tokens = image
            middle = text + image // 2 if self.work == "decode" else text + image
            return self.prompt_tokens or (text if reads_text else middle), new_tokens, None
        prompt_tokens = self.prompt_tokens or _tokens(config, family, device)
        if self.work == "generate":
            new_tokens = new_tokens or NEW_TOKENS[device]
            if self.prompt_tokens is None and (limit := _positions(config)) is not None:
                prompt_tokens = max(1, min(prompt_tokens, limit - new_tokens))
        elif family == "encoder-decoder":
            new_tokens = new_tokens or max(2, prompt_tokens // 4)
        return prompt_tokens, new_tokens, None

    def _lengths_beside_text(
        self, blueprint: zoo.Blueprint, device: DeviceKind
    ) -> tuple[int | None, int | None, int | None]:
        """As `_lengths`, for families that see or hear."""
        family, prompt, pixels = blueprint.family, self.prompt_tokens, self.image_pixels
        new_tokens = self.new_tokens or NEW_TOKENS[device]
        if family == "speech":
            return None, new_tokens, None
        if family in ("vision", "detector"):
            return None, None, pixels or _pixels(blueprint)
        if family != "vision-language":
            return prompt, None, pixels
        from modelworth.bench.models.vision_language import image_positions

        prompt = prompt or image_positions(blueprint, pixels) + TEXT_BESIDE_IMAGE
        return prompt, new_tokens if self.work == "generate" else None, pixels


def input_error(error: ValidationError, where: str, record: type[Record]) -> InputError:
    """The faults that pydantic found, as one of ours."""
    return together(_fault(fault, where, record) for fault in error.errors())


def _measurable(allowed: str) -> str:
    """The formats that can be measured, with the hint that another message ended in."""
    _, mark, hint = allowed.partition(" (did")
    return f"one of {', '.join(words.SHORT[each] for each in MEASURED)}{mark}{hint}"


def place(where: str, field: str) -> str:
    """A field's place in a file, or its flag where it was typed."""
    return f"--{field.replace('_', '-')}" if where == FLAGS else f"{where}: {field}"


def as_flag(error: InputError) -> InputError:
    """A fault of a case's field, said of the option that was typed for it."""
    if isinstance(error, JoinedError):
        return together(as_flag(one) for one in error.errors)
    field = error.where.removeprefix("workload.")
    return error.at(place(FLAGS, field)) if field in Request.model_fields else error


def _fault(fault: ErrorDetails, where: str, record: type[Record]) -> InputError:
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        allowed = f"one of {', '.join(record.model_fields)}"
        return InputError(where, f"unknown key {field}", allowed)
    message = fault["msg"].replace("Input should be ", "").replace("'", "")
    message = message.removeprefix("Value error, ")
    message = PLAIN.get(fault["type"].partition("_")[0], message)
    return InputError(place(where, field), str(fault["input"]), message)


def _tokens(config: Mapping[str, Any], family: Family, device: DeviceKind) -> int:
    """The family's usual length, or the model's limit if that is less (a place is left to grow)."""
    usual, limit = TOKENS[device].get(family, 256), _positions(config)
    return usual if limit is None or family == "encoder-decoder" else min(usual, limit - 8)


def _positions(config: Mapping[str, Any]) -> int | None:
    limit = config.get("max_position_embeddings") or config.get("n_positions")
    return int(limit) if limit else None


def _pixels(blueprint: zoo.Blueprint) -> int | None:
    """Side of the model's own images; None where they aren't square."""
    size = blueprint.config.get("image_size")
    if size is None:
        size = getattr(zoo.transformers_config(blueprint), "image_size", zoo.USUAL_PIXELS)
    sides = set(size) if isinstance(size, list | tuple) else {size}
    return int(sides.pop()) if len(sides) == 1 and None not in sides else None
