"""Linear layers in 8 and 4 bits, by the kernels that PyTorch itself ships.

int8 and int4 are stored so and multiplied in bfloat16: a scale a row, or scale and zero for a group
of 128 (as gpt-fast does). fp8 multiplies in fp8: a scale a row for weights and inputs. Training in
fp8 keeps float32 weights and gives each factor of each product one scale (Micikevicius et al. 2022,
arXiv:2209.05433). Output heads and embeddings stay as they are, as servers leave them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from modelworth.bench.models.size import is_matrix
from modelworth.data.errors import InputError
from modelworth.data.words import Precision

STORED: dict[Precision, str] = {
    "int8": "int8, a scale a row",
    "int4": "int4, scale and zero for 128",
    "fp8": "fp8, a scale a row",
}
"""What a record says of weights that are stored in these formats."""
GROUPS = (128, 64, 32)
"""Weights that share a scale in int4: the first that divides a row."""
MULTIPLE = 16
"""Of which widths must be multiples for the kernels; other layers stay as they are."""
LARGEST_E4M3, LARGEST_E5M2 = 448.0, 57344.0
SMALLEST = 1e-12


class Int8(torch.nn.Module):
    """A linear layer of int8 weights, each row with a scale."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        scale = weight.float().abs().amax(1).clamp(min=SMALLEST) / 127
        self.weight = _kept((weight.float() / scale[:, None]).round().to(torch.int8))
        self.scale, self.bias = _kept(scale.to(weight.dtype)), bias

    def forward(self, given: Tensor) -> Tensor:
        """The product in the format of what is given; a compiler reads int8 within its kernel."""
        if given.device.type == "cpu":
            rows = given.reshape(-1, given.shape[-1])
            product = torch._weight_int8pack_mm(rows, self.weight, self.scale)
            product = product.view(*given.shape[:-1], -1)
        else:
            product = torch.nn.functional.linear(given, self.weight.to(given.dtype)) * self.scale
        return product if self.bias is None else product + self.bias


class Int4(torch.nn.Module):
    """A linear layer of int4 weights: (q − 8) × scale + zero, both for a group of a row."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        rows, width = weight.shape
        self.group = group_of(width)
        parts = weight.float().view(rows, -1, self.group)
        low, high = parts.amin(-1), parts.amax(-1)
        scale = (high - low).clamp(min=1e-6) / 15
        digits = ((parts - low[..., None]) / scale[..., None]).round().clamp(0, 15)
        both = torch.stack([scale, low + 8 * scale], -1).transpose(0, 1).contiguous()
        self.weight = _kept(_packed(digits.view(rows, width).to(torch.int32)))
        self.scale, self.bias = _kept(both.to(weight.dtype)), bias

    def forward(self, given: Tensor) -> Tensor:
        """The product in the format of what is given."""
        rows = given.reshape(-1, given.shape[-1])
        on_cpu = given.device.type == "cpu"
        multiply = torch._weight_int4pack_mm_for_cpu if on_cpu else torch._weight_int4pack_mm
        product = multiply(rows, self.weight, self.group, self.scale)
        product = product.view(*given.shape[:-1], -1)
        return product if self.bias is None else product + self.bias


class Float8(torch.nn.Module):
    """A linear layer of fp8 weights whose inputs are cast to fp8, each row with a scale."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        values, scale = _by_row(weight)
        self.weight, self.scale, self.bias = _kept(values), _kept(scale), bias

    def forward(self, given: Tensor) -> Tensor:
        """The product in fp8, summed in float32, in the format of what is given."""
        values, scale = _by_row(given.reshape(-1, given.shape[-1]))
        product = _product(values, self.weight.t(), scale, self.scale.t(), given.dtype)
        product = product.view(*given.shape[:-1], -1)
        return product if self.bias is None else product + self.bias


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
    """`given @ weight.T` and both its gradients in fp8; the gradient coming in as e5m2."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor) -> Tensor:
        values, scale = _whole(given, LARGEST_E4M3)
        weights, weight_scale = _whole(weight, LARGEST_E4M3)
        ctx.save_for_backward(values, scale, weights, weight_scale)
        return _product(values, weights.t(), scale, weight_scale, torch.bfloat16)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        values, scale, weights, weight_scale = ctx.saved_tensors
        change, change_scale = _whole(grad.contiguous(), LARGEST_E5M2)
        of_given = _product(change, _by_column(weights), change_scale, weight_scale, torch.bfloat16)
        of_weight = _product(
            change.t().contiguous(), _by_column(values), change_scale, scale, torch.bfloat16
        )
        return of_given, of_weight.float()


LAYERS: dict[Precision, type[Int8 | Int4 | Float8]] = {"int8": Int8, "int4": Int4, "fp8": Float8}


def lower_weights(model: Any, precision: Precision) -> float:
    """Store the weights of a model's linear layers in a narrow format, in place; for inference.

    Returns:
        Mean bits of a weight that products read, scales, and what stays as it is, included.

    Raises:
        InputError: if no layer's widths suit the kernels.
    """
    bits = weights = lowered = 0
    for path, layer, weight in list(_layers(model)):
        narrow = LAYERS[precision](weight, layer.bias)
        model.set_submodule(path, narrow)
        bits += 8 * sum(one.numel() * one.element_size() for one in (narrow.weight, narrow.scale))
        weights, lowered = weights + weight.numel(), lowered + 1
    if not lowered:
        allowed = f"bf16: no layer's widths are multiples of {MULTIPLE}"
        raise InputError("workload.precision", precision, allowed)
    for module in model.modules():
        if isinstance(module, tuple(LAYERS.values())):
            continue
        for name, weight in module.named_parameters(recurse=False):
            if is_matrix(module, name, weight):
                bits += 8 * weight.numel() * weight.element_size()
                weights += weight.numel()
    return bits / weights


def train_in_fp8(model: Any) -> None:
    """Let the products of a model's linear layers run in fp8, in place."""
    for path, layer, _ in list(_layers(model)):
        if type(layer) is torch.nn.Linear:
            model.set_submodule(path, TrainedFloat8(layer))


def group_of(width: int) -> int:
    """Weights of a row that share a scale in int4."""
    return next(group for group in GROUPS if width % group == 0)


def _layers(model: Any) -> Iterator[tuple[str, Any, Tensor]]:
    """Paths, linear layers but the output head's, and their weights, a row an output."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
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


def _by_row(given: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in e4m3, and a scale for each."""
    scale = given.abs().amax(-1, keepdim=True).float().clamp(min=SMALLEST) / LARGEST_E4M3
    return (given.float() / scale).to(torch.float8_e4m3fn), scale


def _whole(given: Tensor, largest: float) -> tuple[Tensor, Tensor]:
    """A tensor in the fp8 whose largest number is `largest`, and its scale."""
    scale = given.abs().amax().float().clamp(min=SMALLEST) / largest
    dtype = torch.float8_e4m3fn if largest == LARGEST_E4M3 else torch.float8_e5m2
    return (given.float() / scale).to(dtype), scale


def _by_column(matrix: Tensor) -> Tensor:
    """The same matrix, stored column after column, as the right factor must be."""
    return matrix.t().contiguous().t()


def _product(
    left: Tensor, right: Tensor, left_scale: Tensor, right_scale: Tensor, dtype: torch.dtype
) -> Tensor:
    return torch._scaled_mm(left, right, scale_a=left_scale, scale_b=right_scale, out_dtype=dtype)
