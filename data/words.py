"""One vocabulary: kinds of work, number formats, layouts, bases, and how each may be spelled.

Records, cases, scenarios and pages name these things the same way. What people type in other
spellings (`bf16`, `half`) is turned into the one word here and nowhere else.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final, Literal, get_args

from modelworth.data.errors import InputError

Family = Literal[
    "decoder", "encoder", "encoder-decoder", "vision", "detector", "image-decoder", "speech",
    "image-text", "vision-language", "diffusion", "pipeline",
]  # fmt: skip
Kind = Literal[
    "pretrain", "finetune", "finetune_lora", "prefill", "decode", "generate", "forward", "serve",
    "study",
]  # fmt: skip
Status = Literal["ok", "oom", "timeout", "error"]
Unit = Literal["tokens", "sequences", "images", "denoising_steps", "audio_seconds", "bytes"]
Precision = Literal["float32", "tf32", "bfloat16", "float16", "fp8", "int8", "fp4", "int4"]
Origin = Literal["measured", "imported", "published"]
Basis = Literal["measured", "interpolated", "extrapolated", "published", "assumed"]
Work = Literal["train", "forward", "prefill", "decode", "serve"]
"""What a prediction is about; every kind of a measurement but a study is one of these."""
Sharding = Literal["none", "gradients", "full"]
"""What data-parallel ranks divide among themselves: nothing (DDP), the optimizer's state and the
gradients (ZeRO 2), or everything (ZeRO 3, FSDP)."""

TRAINING: Final[tuple[Kind, ...]] = ("pretrain", "finetune", "finetune_lora")
WORK_OF: Final[dict[Kind, Work]] = {
    "pretrain": "train", "finetune": "train", "finetune_lora": "train", "prefill": "prefill",
    "decode": "decode", "generate": "serve", "serve": "serve", "forward": "forward",
}  # fmt: skip
SHORT: Final[dict[Precision, str]] = {
    "float32": "fp32", "tf32": "tf32", "bfloat16": "bf16", "float16": "fp16", "fp8": "fp8",
    "int8": "int8", "fp4": "fp4", "int4": "int4",
}  # fmt: skip
"""How the catalogue's columns of rates, and people, call a number format."""
BITS: Final[dict[Precision, int]] = {
    "float32": 32, "tf32": 32, "bfloat16": 16, "float16": 16, "fp8": 8, "int8": 8, "fp4": 4,
    "int4": 4,
}  # fmt: skip
"""Of one number, without the scales that a stored format keeps beside it (`stored_bits`)."""
_SPELLINGS: Final[dict[str, Precision]] = {
    **{short: precision for precision, short in SHORT.items()},
    **{precision: precision for precision in get_args(Precision)},
    "half": "float16", "fp32": "float32", "mxfp4": "fp4", "nvfp4": "fp4",
    "float8": "fp8", "e4m3": "fp8",
}  # fmt: skip


def precision(text: str) -> Precision:
    """The number format that somebody means.

    Raises:
        InputError: if there is none of that name.
    """
    found = _SPELLINGS.get(text.strip().lower())
    if found is None:
        near = get_close_matches(text.lower(), _SPELLINGS, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError("--precision", text, f"one of {', '.join(SHORT.values())}{hint}")
    return found
