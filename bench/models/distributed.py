"""A model spread over the ranks of the default process group: DDP, FSDP2 and tensor parallelism.

The layout's degrees make a device mesh of data × tensor. Tensor parallelism follows the plan that
transformers states for a model, as far as it splits linear layers by columns and rows; FSDP2 shards
each layer and the rest around them. Launch with `torchrun`, see `modelworth bench --help`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import get_total_norm

from modelworth.bench.models.fresh import fill
from modelworth.data.errors import InputError
from modelworth.data.measurement import Layout

STYLES = {"colwise": ColwiseParallel, "rowwise": RowwiseParallel}


def spread(
    model: Any, layout: Layout, device: torch.device, dtype: torch.dtype, *, trained: bool
) -> Any:
    """The model as this rank holds it.

    Args:
        model: the whole model, on every rank, or without storage where it is to be sharded.
        layout: degrees; their product is the number of ranks.
        device: of this rank.
        dtype: of matrix products; FSDP2 gathers weights in it and reduces gradients in float32.
        trained: whether replicas must agree on gradients; those that only infer need no word.

    Raises:
        InputError: if the layout doesn't fit the ranks or the model.
    """
    _require_possible(layout)
    if layout.devices == 1:
        return model
    names = ("data", "tensor")
    mesh = init_device_mesh(device.type, (layout.data, layout.tensor), mesh_dim_names=names)
    if layout.splits_weights:
        return _cut(model, layout, mesh, device, dtype)
    if layout.data > 1 and trained:
        return _replicated(model, mesh["data"], device)
    return model


def _require_possible(layout: Layout) -> None:
    """Refuses layouts that no rank here could run."""
    for kind in ("pipeline", "expert"):
        if getattr(layout, kind) > 1:
            raise InputError(f"workload.layout.{kind}", getattr(layout, kind), "1 in `bench`")
    if layout.fully_sharded and layout.data == 1:
        raise InputError("workload.layout.data", 1, "2 or more to shard fully")
    if layout.tensor > 1 and layout.data > 1 and not layout.fully_sharded:
        raise InputError("workload.layout", "data and tensor without sharding", "fully sharded")
    ranks = distributed.get_world_size() if distributed.is_initialized() else 1
    if layout.devices != ranks:
        raise InputError("workload.layout", f"{layout.devices} devices", f"{ranks}, the ranks")


def _cut(
    model: Any, layout: Layout, mesh: DeviceMesh, device: torch.device, dtype: torch.dtype
) -> Any:
    """The model cut by tensor parallelism, then by FSDP2 around each layer and around the rest.

    A model without storage gets it layer by layer, each cut before the next one is drawn.
    """
    styles = _styles(model, layout.tensor) if layout.tensor > 1 else {}
    layers = set(repeated_layers(model)) if layout.fully_sharded else set()
    lower = dtype if dtype is not torch.float32 else None
    policy = MixedPrecisionPolicy(param_dtype=lower, reduce_dtype=torch.float32)

    def cut(module: torch.nn.Module) -> None:
        if module in styles:
            parallelize_module(module, mesh["tensor"], styles[module])
        if module in layers:
            fully_shard(module, mesh=mesh["data"], mp_policy=policy)

    if any(weight.is_meta for weight in model.parameters()):
        fill(model, device, cut)
    else:
        for module in reversed(list(model.modules())):  # the innermost first
            cut(module)
    if layout.fully_sharded:
        fully_shard(model, mesh=mesh["data"], mp_policy=policy)
    return model


def _styles(model: Any, degree: int) -> dict[torch.nn.Module, ParallelStyle]:
    """How each layer's heads or widths are split, by the plan of transformers.

    Of a layer with adapters the inner one is split, and the adapter with it: a column of the one
    is a column of the adapter's last factor, a row of the one a row of its first.
    """
    config = model.config
    stated = getattr(config, "base_model_tp_plan", None) or {}
    plan = {name: style for name, style in stated.items() if style in STYLES}
    if not plan or any("expert" in name for name in stated):
        allowed = "1, or a dense model for which transformers states a plan (such as Llama)"
        raise InputError("workload.layout.tensor", degree, allowed)
    for key in ("num_attention_heads", "num_key_value_heads"):
        heads = getattr(config, key, None)
        if heads is not None and heads % degree:
            raise InputError("workload.layout.tensor", degree, f"a divisor of {key}, {heads}")
    found: dict[torch.nn.Module, ParallelStyle] = {}
    for path, module in model.named_modules():
        name = re.sub(r"\.\d+\.", ".*.", path.removeprefix(f"{model.base_model_prefix}."))
        if name not in plan:
            continue
        style, factors = plan[name], getattr(module, "lora_B", None)
        if factors is None:
            found[module] = STYLES[style]()
            continue
        factors = factors if style == "colwise" else module.lora_A
        for part in (module.base_layer, *factors.values()):
            found[part] = STYLES[style]()
    return found


def repeated_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers of the model's stacks: items of its longest lists of equal modules.

    A hybrid's layers differ in type; each of them holds products.
    """
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    stacks = [
        each
        for each in lists
        if len(each) > 1 and (len({type(layer) for layer in each}) == 1 or _mixed(each))
    ]
    inner = {id(module) for stack in stacks for layer in stack for module in layer.modules()}
    return [layer for stack in stacks if id(stack) not in inner for layer in stack]


def _mixed(layers: torch.nn.ModuleList) -> bool:
    """Whether all hold linear layers without being one."""
    return all(
        not isinstance(layer, torch.nn.Linear)
        and any(isinstance(part, torch.nn.Linear) for part in layer.modules())
        for layer in layers
    )


def load_cut(model: Any, whole: Callable[[], Any]) -> None:
    """Give a model that is cut over ranks the weights of `whole()`, which rank 0's host makes."""
    given = {}
    if distributed.get_rank() == 0:
        held = whole().state_dict()
        names = {name: name.replace(".base_layer.", ".") for name in model.state_dict()}
        given = {name: held[plain] for name, plain in names.items() if plain in held}
    how = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, strict=False)
    set_model_state_dict(model, given, options=how)


def _replicated(model: Any, mesh: DeviceMesh, device: torch.device) -> Any:
    """DDP; the model's config stays reachable."""
    ids = [device.index] if device.type == "cuda" else None
    replica = DistributedDataParallel(
        model,
        device_ids=ids,
        process_group=mesh.get_group(),
        broadcast_buffers=False,  # rotary frequencies and the like never change
        gradient_as_bucket_view=True,
    )
    replica.config = model.config
    return replica


@contextmanager
def gradients_summed(model: torch.nn.Module, *, now: bool) -> Iterator[None]:
    """A micro-batch whose gradients are summed over ranks `now`, or wait for a later one."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(now)
        yield
    elif isinstance(model, DistributedDataParallel) and not now:
        with model.no_sync():
            yield
    else:
        yield


def by_mesh(tensors: Iterable[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Tensors with those that are spread alike together: fused kernels take them so."""
    groups: dict[object, list[torch.Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(getattr(tensor, "device_mesh", None), []).append(tensor)
    return list(groups.values())


def clip_gradients(model: torch.nn.Module, largest: float) -> None:
    """Shrink all gradients together until their norm, over all ranks, is no more than `largest`."""
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    norms = [get_total_norm(group) for group in by_mesh(grads)]
    whole = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms]
    share = (largest / (torch.stack(whole).norm() + 1e-6)).clamp(max=1.0)
    local = [grad.to_local() if isinstance(grad, DTensor) else grad for grad in grads]
    torch._foreach_mul_(local, share)
