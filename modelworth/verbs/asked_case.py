"""The arguments that name a model, a device and a piece of work, and the case they make."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.costmodel.architecture.structure import Architecture
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.data.catalog import Accelerator, Catalog

LAYOUT = ("tensor", "pipeline", "sharding", "expert_parallel", "virtual_stages", "context_parallel")
"""Arguments that say how a training is cut; where all are missing, the best layout is found."""
SHARED_WORKSPACE = 0.9
MOST_IMAGES, MOST_PIXELS = 10_000, 16_384


def add_model_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Model, device, how many, precision, software, store."""
    one = parser.add_argument_group("what runs on what")
    one.add_argument("--model", help="a shipped model's name, or the path of a config.json")
    one.add_argument("--gpu", help="a device of the catalogue, or your own with the three rates")
    one.add_argument("--gpus", type=int, default=1, help="devices (default 1)")
    one.add_argument(
        "--precision",
        help="bf16, fp16, fp8, fp4, fp32, q4_k_m, … (default: as the checkpoint is stored)",
    )
    one.add_argument("--software", help="framework or engine, such as vllm or llm-foundry")
    one.add_argument("--store", help="own measurements that calibrate (a store's URL or path)")
    one.add_argument("--tables", type=Path, help="a folder that `predict --calibrate` wrote")
    one.add_argument("--json", action="store_true", help="print JSON")
    return one


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """A device that the catalogue lacks, by its datasheet."""
    own = parser.add_argument_group("a device that the catalogue lacks")
    own.add_argument("--matmul-tflops", type=float, help="dense peak at the precision")
    own.add_argument("--bandwidth-gb-per-s", type=float, help="memory bandwidth")
    own.add_argument("--memory-gb", type=float, help="memory")
    own.add_argument("--link-gb-per-s", type=float, help="to its neighbours, one direction")
    own.add_argument("--network-gb-per-s", type=float, help="to other servers, one direction")


def add_work_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and how it is laid out."""
    work = parser.add_argument_group("the work")
    work.add_argument(
        "--work", choices=("train", "prefill", "decode", "serve", "forward"), default="serve"
    )
    work.add_argument("--batch", type=float, default=1, help="sequences in a step; serve: requests")
    work.add_argument("--sequence", type=float, default=1024, help="tokens, prompt or context")
    work.add_argument("--new-tokens", type=float, default=256, help="generated a request (serve)")
    work.add_argument("--images", type=int, default=0, help="in a prompt, beside --sequence")
    work.add_argument("--image-size", type=int, default=1024, help="pixels of their side (1024)")
    work.add_argument("--compiled", action="store_true", help="with torch.compile")
    layout = parser.add_argument_group("the layout")
    layout.add_argument("--tensor", type=int, help="tensor parallelism (default: serve all)")
    layout.add_argument("--pipeline", type=int, help="pipeline stages")
    layout.add_argument("--expert-parallel", type=int, help="devices that share experts")
    layout.add_argument("--context-parallel", type=int, help="devices that share a sequence")
    layout.add_argument("--virtual-stages", type=int, help="slices of the model a pipeline device")
    layout.add_argument("--sharding", choices=("none", "gradients", "full"), help="training")
    layout.add_argument("--global-batch", type=float, help="sequences in an optimizer step")
    layout.add_argument("--micro-batch", type=float, help="training: the same as --batch")
    layout.add_argument("--overlapped", action="store_true", help="exchanges beside products")
    layout.add_argument("--checkpointing", choices=("none", "selective", "full"), default="none")
    server = parser.add_argument_group("the server")
    server.add_argument("--kv-precision", help="of cached keys and values (default 16 bits)")
    server.add_argument("--max-sequences", type=float, help="that run together at most")
    server.add_argument("--prefix-share", type=float, default=0.0, help="of prompts found cached")
    server.add_argument("--shared", type=float, default=1.0, help="part of the memory it may use")
    server.add_argument("--prefill-gpus", type=int, default=0, help="that read prompts apart")
    server.add_argument("--prefill-tensor", type=int, help="tensor parallelism of these")
    server.add_argument("--regime", choices=("closed", "queued", "static"), default="closed")
    server.add_argument("--attention-data", type=int, default=1, help="attention replicas")
    server.add_argument("--drafted", type=int, default=0, help="tokens guessed ahead a step")
    server.add_argument("--acceptance", type=float, default=0.0, help="share of guesses kept")


def case_of(options: argparse.Namespace, catalog: Catalog) -> Case:
    """The case that the arguments ask for.

    Raises:
        InputError: if something is missing, unknown or can't be.
    """
    from modelworth.costmodel.architecture.gguf_file import as_gguf, is_preset
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case, precision_name
    from modelworth.costmodel.prediction.software import selective_share

    if not options.model or not options.gpu:
        raise InputError("--model and --gpu", "missing", "given (or --cases, --validate)")
    architecture = named(options.model, catalog)
    training = options.work == "train"
    if is_preset(options.precision or "") and not training:
        architecture = as_gguf(architecture, options.precision)
        options.precision = architecture.own_precision
    own = "bf16" if training else architecture.own_precision
    precision = precision_name(options.precision or own)
    recomputed = {"none": 0.0, "selective": selective_share(options.software), "full": 1.0}
    if not 0 < options.shared <= 1:
        raise InputError("--shared", options.shared, "above 0, at most 1")
    cached = None if training else options.kv_precision or architecture.own_cache_precision
    return Case.on(
        architecture,
        accelerator_of(options, catalog, precision),
        work=options.work,
        gpus=options.gpus,
        precision=precision,
        batch=options.micro_batch or options.batch,
        tokens=options.sequence + _seen_tokens(options, architecture),
        new_tokens=options.new_tokens,
        software=options.software,
        compiled=options.compiled,
        tensor=options.tensor or (1 if training else None),
        pipeline=options.pipeline or 1,
        expert=options.expert_parallel or 1,
        context=options.context_parallel or 1,
        virtual=options.virtual_stages,
        sharding=options.sharding or "none",
        global_batch=options.global_batch,
        recomputed=recomputed[options.checkpointing],
        kv_precision=None if cached in (None, "bf16") else precision_name(cached),
        max_sequences=options.max_sequences,
        prefix_share=options.prefix_share,
        memory_share=options.shared * SHARED_WORKSPACE,
        overlapped=options.overlapped,
        regime=options.regime,
        attention_data=options.attention_data,
        drafted=options.drafted,
        acceptance=options.acceptance,
        read_gpus=options.prefill_gpus,
        read_tensor=options.prefill_tensor or math.gcd(options.prefill_gpus, options.tensor or 1),
    )


def _seen_tokens(options: argparse.Namespace, architecture: Architecture) -> int:
    """Tokens of the images in a prompt; what is left out is said on the case's model.

    Raises:
        InputError: if the model doesn't see, or they can't be counted.
    """
    from modelworth.costmodel.architecture.work import image_tokens

    if not options.images:
        return 0
    if not 0 < options.images <= MOST_IMAGES:
        raise InputError("--images", options.images, f"0 to {MOST_IMAGES:,}")
    if not 0 < options.image_size <= MOST_PIXELS:
        raise InputError("--image-size", options.image_size, f"1 to {MOST_PIXELS:,} pixels")
    if options.work == "train":
        raise InputError("--images", options.images, advice="ask for --work serve or prefill")
    return options.images * image_tokens(architecture, options.image_size)[0]


def seen_words(options: argparse.Namespace, architecture: Architecture) -> str:
    """What the images of a prompt come to, and what of them isn't in the time."""
    from modelworth.costmodel.architecture.work import image_tokens

    tokens, flops = image_tokens(architecture, options.image_size)
    side, count = options.image_size, options.images
    images = "1 image" if count == 1 else f"{count:,} images"
    known = "pass" if flops is None else f"{flops / 1e12:,.3g} TFLOP"
    return (
        f"{images} of {side:,} × {side:,} pixels: {count * tokens:,} of the prompt's tokens; "
        f"the tower's {known} for each isn't in the time"
    )


def predictor_of(
    options: argparse.Namespace, catalog: Catalog, devices: Iterable[str]
) -> Predictor:
    """The predictor with the tables that the arguments name, and own records of the devices."""
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.costmodel.prediction.step.coefficients import read_tables

    tables = read_tables(options.tables) if options.tables else None
    return Predictor(catalog, tables, _measurements(options, catalog, devices))


def layout_given(options: argparse.Namespace) -> bool:
    """Whether any argument says how a training is cut."""
    return any(getattr(options, name) is not None for name in LAYOUT)


def accelerator_of(options: argparse.Namespace, catalog: Catalog, precision: str) -> Accelerator:
    """The catalogue's device, or one made of the rates given; never a guess.

    Raises:
        InputError: if it isn't known, or a rate is missing.
    """
    from modelworth.data.catalog import Accelerator

    rates = (options.matmul_tflops, options.bandwidth_gb_per_s, options.memory_gb)
    if all(rate is None for rate in rates):
        try:
            return catalog.accelerator(options.gpu)
        except InputError as error:
            near = get_close_matches(options.gpu, [one.name for one in catalog.accelerators])
            named = f"a device of the catalogue ({', '.join(near)})" if near else "known"
            raise InputError(
                "--gpu",
                options.gpu,
                f"{named}, or described by its datasheet: --matmul-tflops (dense), "
                "--bandwidth-gb-per-s and --memory-gb, or a row in the file MODELWORTH_CATALOG",
            ) from error
    if None in rates or min(rates) <= 0:
        raise InputError(
            "--matmul-tflops, --bandwidth-gb-per-s, --memory-gb", str(rates), "all given, above 0"
        )
    column = {"amp": "fp16", "int4": "bf16"}.get(precision, precision)
    unit = "tops" if column == "int8" else "tflops"
    given: dict[str, Any] = {
        "name": options.gpu,
        "vendor": "given",
        "architecture": "unknown",
        "bf16_tflops": options.matmul_tflops,
        f"{column}_{unit}": options.matmul_tflops,
        "bandwidth_gb_per_s": options.bandwidth_gb_per_s,
        "memory_gib": options.memory_gb,
        "link_gb_per_s": options.link_gb_per_s,
        "network_gb_per_s": options.network_gb_per_s,
        "devices_per_node": 8,
        "source": "flags of the command",
        "as_of": "2026",
    }
    return Accelerator.model_validate(given)


def _measurements(
    options: argparse.Namespace, catalog: Catalog, devices: Iterable[str]
) -> list[Any]:
    if options.store is None:
        return []
    from modelworth.data.store import open_store

    with open_store(options.store, create=False) as opened:
        return opened.evidence(options.model, catalog.same_device(*devices))
