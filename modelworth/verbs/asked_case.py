"""The arguments that name a model, a device and a piece of work, and the case they make."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.costmodel.architecture.structure import Architecture
    from modelworth.costmodel.prediction.case import Case
    from modelworth.costmodel.prediction.predictor import Predictor
    from modelworth.data.catalog import Accelerator, Catalog

SHARED_WORKSPACE = 0.9
SEQUENCE, NEW_TOKENS = 1024, 256
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
    from modelworth.costmodel.prediction.case_fields import FIELDS

    kinds: dict[str, dict[str, Any]] = {
        "bool": {"action": "store_true"}, "int": {"type": int}, "float": {"type": float},
        "count": {"type": float}, "str": {},
    }  # fmt: skip
    flagged = [row for row in FIELDS.values() if row["group"]]
    for title, rows in groupby(flagged, itemgetter("group")):
        group = parser.add_argument_group(title)
        for row in rows:
            how = kinds.get(row["kind"], {"choices": row["kind"].split("|")})
            group.add_argument(
                row["flag"], dest=row["name"], default=None, help=row["words"], **how
            )
    work = parser.add_argument_group("more of the work")
    work.add_argument(
        "--work", choices=("train", "prefill", "decode", "serve", "forward"), default="serve"
    )
    work.add_argument("--images", type=int, default=0, help="in a prompt, beside --sequence")
    work.add_argument("--image-size", type=int, default=1024, help="pixels of their side (1024)")
    work.add_argument("--micro-batch", type=float, help="training: the same as --batch")
    work.add_argument("--checkpointing", choices=("none", "selective", "full"), default="none")
    work.add_argument("--shared", type=float, default=1.0, help="part of the memory it may use")


def case_of(options: argparse.Namespace, catalog: Catalog) -> Case:
    """The case that the arguments ask for.

    Raises:
        InputError: if something is missing, unknown or can't be.
    """
    from modelworth.costmodel.architecture.gguf_file import as_gguf, is_preset
    from modelworth.costmodel.architecture.named import named
    from modelworth.costmodel.prediction.case import Case, precision_name
    from modelworth.costmodel.prediction.case_fields import flag_of
    from modelworth.costmodel.prediction.software import selective_share

    if not options.model or not options.gpu:
        raise InputError("--model and --gpu", "missing", "given (or --cases)")
    architecture = named(options.model, catalog)
    training = options.work == "train"
    if is_preset(options.precision or "") and not training:
        architecture = as_gguf(architecture, options.precision)
        options.precision = architecture.own_precision
    own = "bf16" if training else architecture.own_precision
    precision = precision_name(options.precision or own)
    asked = said_fields(options)
    if options.micro_batch is not None:
        asked["batch"] = options.micro_batch
    new = asked.setdefault("new_tokens", NEW_TOKENS) if options.work == "serve" else 0
    usual = max(min(SEQUENCE, (architecture.longest or math.inf) - new), 1)
    asked["tokens"] = asked.get("tokens", usual) + _seen_tokens(options, architecture)
    recomputed = {"none": 0.0, "selective": selective_share(options.software), "full": 1.0}
    asked["recomputed"] = recomputed[options.checkpointing]
    if not 0 < options.shared <= 1:
        raise InputError("--shared", options.shared, "above 0, at most 1")
    asked["memory_share"] = options.shared * SHARED_WORKSPACE
    reading = math.gcd(asked.get("read_gpus", 0), asked.get("tensor", 1))
    asked.setdefault("read_tensor", reading or 1)
    accelerator = accelerator_of(options, catalog, precision)
    try:
        return Case.on(
            architecture, accelerator, work=options.work, precision=precision,
            software=options.software, **asked,
        )  # fmt: skip
    except InputError as error:
        raise error.at(flag_of(error.where)) from None


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


def said_fields(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a case that have a flag, and were said."""
    from modelworth.costmodel.prediction.case_fields import FIELDS

    said = {name: getattr(options, name) for name, row in FIELDS.items() if row["flag"]}
    return {name: value for name, value in said.items() if value is not None}


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
    flags = (
        "matmul_tflops",
        "bandwidth_gb_per_s",
        "memory_gb",
        "link_gb_per_s",
        "network_gb_per_s",
    )
    for place, name in enumerate(flags):
        rate = getattr(options, name)
        if not 0 < (1 if rate is None and place >= len(rates) else rate or 0) < math.inf:
            needed = " (the three rates of a device go together)" if rate is None else ""
            raise InputError(f"--{name.replace('_', '-')}", rate, f"above 0{needed}")
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
