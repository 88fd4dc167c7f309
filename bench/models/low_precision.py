"""Linear layers in 8 and 4 bits, by the kernels that PyTorch itself ships; experts beside them.

int8 and int4 are stored so and multiplied in bfloat16: a scale a row, or scale and zero for a group
of 128 (as gpt-fast does). fp8 multiplies in fp8: a scale a row for weights and inputs. Training in
fp8 keeps float32 weights and gives each factor of each product one scale (Micikevicius et al. 2022,
arXiv:2209.05433). Output heads and embeddings stay as they are, as servers leave them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from modelworth.bench.models.narrow_experts import (
    GROUPS,
    SMALLEST,
    group_of,
    is_stored_experts,
    store_experts,
    to_bytes,
    to_digits,
    to_float8,
)
from modelworth.bench.models.size import expert_share, is_experts, is_matrix, size_of
from modelworth.data.errors import InputError
from modelworth.data.words import Precision

STORED: dict[Precision, str] = {
    "int8": "int8, a scale a row",
    "int4": "int4, scale and zero for 128",
    "fp8": "fp8, a scale a row",
}
"""What a record says of weights that are stored in these formats."""
MULTIPLE = 16
"""Of which widths must be multiples for the kernels; other layers stay as they are."""


class Narrow(torch.nn.Module, ABC):
    """A linear layer of narrow weights, `packed`, and their `scale`.

    `weight` holds nothing: models that ask for a layer's number format (T5) find the products'.
    """

    def __init__(self, packed: Tensor, scale: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.packed, self.scale, self.bias = _kept(packed), _kept(scale), bias
        self.register_buffer("weight", weight.new_empty(0), persistent=False)

    def forward(self, given: Tensor) -> Tensor:
        """The product in the format of what is given."""
        product = self.multiplied(given.reshape(-1, given.shape[-1]))
        product = product.view(*given.shape[:-1], -1)
        return product if self.bias is None else product + self.bias

    @abstractmethod
    def multiplied(self, rows: Tensor) -> Tensor:
        """The product of rows with the weights."""


class Int8(Narrow):
    """Each row of weights in int8, with a scale; a compiler reads int8 within its kernel."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        packed, scale = to_bytes(weight)
        super().__init__(packed, scale[:, 0].to(weight.dtype), weight, bias)

    def multiplied(self, rows: Tensor) -> Tensor:
        """The product with weights of int8."""
        if rows.device.type == "cpu":
            return torch._weight_int8pack_mm(rows, self.packed, self.scale)
        return torch.nn.functional.linear(rows, self.packed.to(rows.dtype)) * self.scale


class Int4(Narrow):
    """Weights in int4: (q − 8) × scale + zero, both for a group of a row."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.group = group_of(weight.shape[1])
        digits, steps = to_digits(weight)
        super().__init__(_packed(digits), steps.transpose(0, 1).contiguous(), weight, bias)

    def multiplied(self, rows: Tensor) -> Tensor:
        """The product with weights of int4."""
        on_cpu = rows.device.type == "cpu"
        multiply = torch._weight_int4pack_mm_for_cpu if on_cpu else torch._weight_int4pack_mm
        return multiply(rows, self.packed, self.group, self.scale)


class Float8(Narrow):
    """Weights in fp8 whose inputs are cast to fp8, each row with a scale; sums in float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(*to_float8(weight), weight, bias)

    def multiplied(self, rows: Tensor) -> Tensor:
        """The product of two factors of fp8."""
        values, scale = to_float8(rows)
        return _product(values, self.packed.t(), scale, self.scale.t(), rows.dtype, fast=True)


class TrainedFloat8(torch.nn.Linear):
    """A linear layer of float32 weights whose three products run in fp8."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, given: Tensor) -> Tensor:
        """The product in bfloat16."""
        rows = given.reshape(-1, self.in_features).to(torch.bfloat16)
        product: Tensor = _Float8Product.apply(rows, self.weight)
        product = product.view(*given.shape[:-1], -1)
        return product if self.bias is None else product + self.bias.to(product.dtype)


class _Float8Product(torch.autograd.Function):
    """`given @ weight.T` and both its gradients in fp8; the gradient coming in as e5m2.

    Rows that make no whole multiple of what kernels take are filled up with zeros.
    """

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor) -> Tensor:
        ctx.lacking = -given.shape[0] % MULTIPLE
        values, scale = _whole(given, torch.float8_e4m3fn)
        weights, weight_scale = _whole(weight, torch.float8_e4m3fn)
        ctx.save_for_backward(values, scale, weights, weight_scale)
        ctx.formats = given.dtype, weight.dtype
        return _product(values, weights.t(), scale, weight_scale, torch.bfloat16, fast=True)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        values, scale, weights, weight_scale = ctx.saved_tensors
        change, change_scale = _whole(grad, torch.float8_e5m2)
        of_given = _product(change, _by_column(weights), change_scale, weight_scale, ctx.formats[0])
        rows, changes = (_filled(one, ctx.lacking) for one in (values, change))
        of_weight = _product(
            changes.t().contiguous(), _by_column(rows), change_scale, scale, torch.bfloat16
        )
        return of_given, of_weight.to(ctx.formats[1])


LAYERS: dict[Precision, type[Int8 | Int4 | Float8]] = {"int8": Int8, "int4": Int4, "fp8": Float8}


def lower_weights(model: Any, precision: Precision) -> float | None:
    """Store the weights of linear layers and routed experts in a narrow format, in place.

    For inference. In another precision nothing is done.

    Returns:
        Mean bits of a weight that a token's products read, scales, and what stays as it is,
        included; None in another precision.

    Raises:
        InputError: if no layer's widths suit the kernels.
    """
    if precision not in STORED:
        return None
    weights, share = size_of(model).matmul, expert_share(model.config)
    narrow = list(_layers(model))
    for path, layer, weight in narrow:
        model.set_submodule(path, LAYERS[precision](weight, layer.bias))
    if not (store_experts(model, precision) or narrow):
        allowed = f"bf16: no layer's widths are multiples of {MULTIPLE}"
        raise InputError("workload.precision", precision, allowed)
    bits = 0.0
    for module in model.modules():
        stored = isinstance(module, Narrow)
        for name, weight in module.named_parameters(recurse=False):
            experts = is_stored_experts(module) or (is_experts(name, weight) and weight.ndim == 3)
            if experts or (stored and name != "bias") or is_matrix(module, name, weight):
                held = 8 * weight.numel() * weight.element_size()
                bits += held * (share if experts else 1)
    return bits / weights


def train_in_fp8(model: Any) -> None:
    """Let the products of a model's linear layers run in fp8, in place."""
    for path, layer, _ in list(_layers(model)):
        if type(layer) is torch.nn.Linear:
            model.set_submodule(path, TrainedFloat8(layer))


def _layers(model: Any) -> Iterator[tuple[str, Any, Tensor]]:
    """Paths, linear layers but the output head's, and their weights, a row an output."""
    from transformers.pytorch_utils import Conv1D

    head = getattr(model, "get_output_embeddings", lambda: None)()
    for path, layer in model.named_modules():
        if type(layer) not in (torch.nn.Linear, Conv1D) or layer is head:
            continue
        weight = layer.weight.detach()
        weight = weight.t().contiguous() if isinstance(layer, Conv1D) else weight
        if weight.shape[0] % MULTIPLE == 0 and weight.shape[1] % GROUPS[-1] == 0:
            yield path, layer, weight


def _kept(tensor: Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(tensor, requires_grad=False)


def _packed(digits: Tensor) -> Tensor:
    """Numbers of 0 to 15 in the order in which the device's kernel reads them."""
    if digits.device.type == "cpu":
        return torch._convert_weight_to_int4pack_for_cpu(digits, 1)
    pairs = (digits[:, ::2] << 4 | digits[:, 1::2]).to(torch.uint8)
    tiles = next(tiles for tiles in (8, 4, 2) if digits.shape[1] % (16 * tiles) == 0)
    return torch._convert_weight_to_int4pack(pairs, tiles)


def _whole(given: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A tensor in an fp8 format, which its largest number fills, and its scale."""
    largest = torch.finfo(dtype).max
    scale = given.abs().amax().float().clamp(min=SMALLEST) / largest
    return (given.float() / scale).to(dtype).contiguous(), scale


def _filled(rows: Tensor, lacking: int) -> Tensor:
    """The same with so many more rows of zeros."""
    return torch.cat([rows, rows.new_zeros(lacking, rows.shape[1])]) if lacking else rows


def _by_column(matrix: Tensor) -> Tensor:
    """The same matrix, stored column after column, as the right factor must be."""
    return matrix.t().contiguous().t()


def _product(
    left: Tensor,
    right: Tensor,
    left_scale: Tensor,
    right_scale: Tensor,
    dtype: torch.dtype,
    *,
    fast: bool = False,
) -> Tensor:
    """A product in fp8; `fast` sums as the tensor cores do, which is enough but for gradients."""
    return torch._scaled_mm(
        left, right, left_scale, right_scale, out_dtype=dtype, use_fast_accum=fast
    )
