"""What can be measured in fp8, int8 and int4, told before anything is built or probed.

Compute capabilities are those of PyTorch's kernels: fp8 products from 8.9, int4 weights from 8.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelworth.data.words import SHORT, TRAINING, Family, Kind, Precision

WEIGHTS_ONLY: tuple[Precision, ...] = ("int8", "int4")
"""Formats of weights alone, whose products run in bfloat16."""
NEEDED: dict[Precision, tuple[int, int]] = {"fp8": (8, 9), "int4": (8, 0)}
"""CUDA's compute capability at least."""
READING: tuple[Kind, ...] = ("prefill", "decode", "generate")
"""Kinds of work that read narrow weights here."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """A case in a narrow format.

    Attributes:
        routed: whether the model is a mixture, whose experts stay as they are.
        spread: whether it takes several devices.
        device: its name, or `cpu`.
        capability: CUDA's compute capability; None: unknown, or none.
    """

    precision: Precision
    kind: Kind
    family: Family
    routed: bool
    spread: bool
    device: str
    capability: tuple[int, int] | None
    on_gpu: bool

    @property
    def told(self) -> str:
        """The case in a few words."""
        model = f"a mixture's {self.kind}" if self.routed else f"{self.kind} of a {self.family}"
        return f"{SHORT[self.precision]}, {model} on {self.device}"

    def instead(self) -> str | None:
        """What would do; None where this does."""
        if self.routed:
            return "bf16 or fp16: experts have no narrow weights here"
        if self.spread:
            return "bf16, or one device"
        if self.kind in TRAINING:
            return self._training()
        if self.kind not in READING or self.family not in ("decoder", "image-decoder"):
            return f"bf16 or fp16; {', '.join(READING)} of a decoder read narrow weights"
        if not self.on_gpu:
            return None if self.precision in WEIGHTS_ONLY else "int8, int4 or bf16 on a processor"
        return None if self._has(self.precision) else self._on_this_gpu()

    def _training(self) -> str | None:
        decoder = self.family in ("decoder", "image-decoder") and self.kind != "finetune_lora"
        if self.precision == "fp8" and decoder and self.on_gpu and self._has("fp8"):
            return None
        usual = "bf16, fp16 or fp32"
        return f"{usual}; fp8 trains a decoder whole on a GPU of capability 8.9 (H100, L40S)"

    def _has(self, precision: Precision) -> bool:
        """Whether the GPU has a kernel for it; one that doesn't tell is taken at its word."""
        needed = NEEDED.get(precision)
        return needed is None or self.capability is None or self.capability >= needed

    def _on_this_gpu(self) -> str:
        able = [SHORT[one] for one in ("fp8", *WEIGHTS_ONLY) if self._has(one)]
        return f"{', '.join(able)} or bf16: this GPU has capability {self.capability}"
