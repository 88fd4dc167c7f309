"""What `inspect` shows: parts with a bar, bytes, FLOPs, cache, and the devices it fits on."""

# ruff: noqa: T201
from __future__ import annotations

from typing import Any

from modelworth.costmodel.architecture.fits import ServingAsk, serving_fit
from modelworth.costmodel.architecture.gguf_file import as_gguf, holds_mxfp4
from modelworth.costmodel.architecture.memory import bytes_per_weight, weights_bytes
from modelworth.costmodel.architecture.structure import Architecture
from modelworth.costmodel.architecture.work import (
    decode_flops,
    forward_flops,
    kv_cache_bytes,
    prediction_flops,
    training_flops,
)
from modelworth.data.catalog import load_catalog

GGUF = ("q4_k_m", "q5_k_m", "q6_k", "q8_0")
PRECISIONS = ("bf16", "fp8", "int8", "fp4", "int4")
DEVICES = (1, 2, 4, 8)
GLYPHS = "█▓▒░▚▞▙▜▟#"
WIDTH = 60
SHOWN = 12
CONVENTION = (
    "a multiply and an add each; a pass: every pair of query and position; training: three passes, "
    "windows and chosen positions as they are, the causal half not taken off, prediction layers in"
)


def document(architecture: Architecture, how: str, context: int) -> dict[str, Any]:
    """Everything that is shown, as data."""
    return {
        "model": architecture.name,
        "model_type": architecture.model_type,
        "family": architecture.family,
        "found": how,
        "built_class": architecture.built_class,
        "parameters_total": architecture.parameters,
        "parameters_active": architecture.active_parameters,
        "parameters_active_in_products": architecture.active_matmul_parameters,
        "parameters_by_part": architecture.parameters_by_part,
        "parameters_not_counted": dict(architecture.uncounted),
        "layers": architecture.layers,
        "precision": architecture.own_precision,
        "stored_as": architecture.stored.method if architecture.stored else "bf16",
        "bits_per_weight": 8 * own_bytes(architecture) / max(architecture.parameters, 1),
        "weights_bytes": own_bytes(architecture),
        "weights_bytes_by_precision": _by_precision(architecture),
        "gguf_file_bytes": _gguf_files(architecture),
        "context": context,
        **_work(architecture, context),
        **_kept(architecture, context),
        "longest_context": architecture.longest,
        "fits": devices_needed(architecture, context),
        "note": architecture.note,
    }


def own_bytes(architecture: Architecture) -> float:
    """Bytes of the weights as its checkpoint stores them."""
    return weights_bytes(architecture, architecture.own_precision)


def _by_precision(architecture: Architecture) -> dict[str, float]:
    """Bytes of the weights in each precision."""
    return {name: weights_bytes(architecture, name) for name in PRECISIONS}


def _gguf_files(architecture: Architecture) -> dict[str, float]:
    """Bytes on disk: of the GGUF file at hand, and by preset of a file of the model."""
    own = architecture.stored
    at_hand = {"this file": own.file_bytes} if own is not None and own.header_bytes else {}
    presets = (("mxfp4_moe",) if holds_mxfp4(architecture) else ()) + GGUF
    made = {name: as_gguf(architecture, name).stored for name in presets if architecture.generates}
    return at_hand | {name: each.file_bytes for name, each in made.items() if each is not None}


def _work(architecture: Architecture, context: int) -> dict[str, Any]:
    """FLOPs of one token, or of one image."""
    if architecture.patches is not None and not architecture.generates:
        return {
            "flops_per_item": float(forward_flops(architecture, 1)),
            "flops_per_item_training": float(training_flops(architecture, 1)),
        }
    source = context if architecture.family == "encoder-decoder" else 0
    forward = forward_flops(architecture, 1, context, source) / context
    windowed = forward_flops(architecture, 1, context, source, "reach") / context
    trained = windowed + prediction_flops(architecture, context, "reach") / context
    found = {
        "flops_per_token": float(forward),
        "flops_per_token_windowed": float(windowed),
        "flops_per_token_training": 3 * float(trained),
        "flops_convention": CONVENTION,
    }
    if architecture.generates:
        decoded = decode_flops(architecture, 1, context, source)
        found["flops_per_token_decoding"] = float(decoded)
    return found


def _kept(architecture: Architecture, context: int) -> dict[str, Any]:
    """Cache of a token and of a context, and what a sequence keeps whatever its length."""
    if not architecture.generates:
        return {"cache_bytes_per_token": 0.0, "cache_bytes_at_context": 0.0}
    width = bytes_per_weight(architecture.own_cache_precision)

    def held(tokens: int) -> float:
        """Bytes of a sequence of that many tokens."""
        return float(kv_cache_bytes(architecture, 1, tokens, width))

    return {
        "cache_precision": architecture.own_cache_precision,
        "cache_bytes_per_token": held(2) - held(1),
        "cache_bytes_per_token_at_context": held(context + 1) - held(context),
        "cache_bytes_at_context": held(context),
        "state_bytes_per_sequence": held(0),
    }


def devices_needed(architecture: Architecture, context: int) -> dict[str, int | None]:
    """How many of each of the catalogue's devices hold the model and one sequence; None: over 8."""
    cache = bytes_per_weight(architecture.own_cache_precision)
    length = context if architecture.generates else 0
    ask = ServingAsk(architecture, architecture.own_precision, 1, length, cache)
    return {
        device.name: next(
            (n for n in DEVICES if serving_fit(ask, device.memory_bytes, n).fits), None
        )
        for device in load_catalog().accelerators
    }


def show(architecture: Architecture, how: str, context: int) -> None:
    """Prints the description for people."""
    found = document(architecture, how, context)
    print(f"{architecture.name}: {architecture.model_type or 'a model'}, {found['found']}")
    print(f"  {'parameters':<22}{_count(found['parameters_total']):>10}")
    if found["parameters_active"] != found["parameters_total"]:
        print(f"  {'used by a token':<22}{_count(found['parameters_active']):>10}")
    _show_parts(found["parameters_by_part"], found["parameters_total"])
    for name, count in found["parameters_not_counted"].items():
        print(f"  not counted: {name}, {_count(count)}")
    _show_bytes(found)
    _show_work(found)
    _show_fits(found["fits"])
    if found["note"]:
        print(f"\n  note: {found['note']}")


def _show_parts(parts: dict[str, int], total: int) -> None:
    """A line a part, and one bar of all."""
    bar = ""
    for glyph, (name, count) in zip(GLYPHS, sorted(parts.items(), key=_by_size), strict=False):
        if not count:
            continue
        print(f"    {glyph} {name.replace('_', ' '):<18}{_count(count):>10}{count / total:>8.1%}")
        bar += glyph * round(WIDTH * count / total)
    print(f"    {bar[:WIDTH]}")


def _by_size(part: tuple[str, int]) -> int:
    """Largest first."""
    return -part[1]


def _show_bytes(found: dict[str, Any]) -> None:
    """Bytes as stored, and in other precisions."""
    bits = f"{found['bits_per_weight']:.2f} bits a weight"
    print(f"\n  weights as stored: {_bytes(found['weights_bytes'])} ({found['stored_as']}, {bits})")
    others = (
        f"{name} {_bytes(size)}" for name, size in found["weights_bytes_by_precision"].items()
    )
    print(f"    in {', '.join(others)}")
    files = (f"{name} {_bytes(size)}" for name, size in found["gguf_file_bytes"].items())
    if listed := ", ".join(files):
        print(f"    as a GGUF file: {listed}")


def _show_work(found: dict[str, Any]) -> None:
    """FLOPs and cache."""
    if "flops_per_item" in found:
        print(f"  one image or item: {found['flops_per_item'] / 1e9:,.4g} GFLOP")
        return
    context = found["context"]
    whole, windowed = found["flops_per_token"], found["flops_per_token_windowed"]
    print(f"  a token at {context:,}: {windowed / 1e9:,.4g} GFLOP", end="")
    print(f", in training {found['flops_per_token_training'] / 1e9:,.4g}", end="")
    decoded = found.get("flops_per_token_decoding")
    print(f", decoded {decoded / 1e9:,.4g}" if decoded else "")
    if whole > 1.001 * windowed:
        print(f"    {whole / 1e9:,.4g} where windows and choices are computed over all positions")
    if "cache_precision" not in found:
        return
    print(
        f"  cache in {found['cache_precision']}: {_bytes(found['cache_bytes_per_token'])} a token",
        end="",
    )
    print(f", {_bytes(found['cache_bytes_at_context'])} for {context:,} tokens", end="")
    state = found["state_bytes_per_sequence"]
    print(f", of it {_bytes(state)} whatever the length" if state else "")


def _show_fits(fits: dict[str, int | None]) -> None:
    """Devices by how many of them are needed."""
    print("\n  holds it with one sequence of the context:")
    for count in (*DEVICES, None):
        names = [name for name, needed in fits.items() if needed == count]
        if names:
            label = f"{count} ×" if count else "more than 8 ×"
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            print(f"    {label:<14}{', '.join(names[:SHOWN])}{more}")


def _count(value: float, units: tuple[str, ...] = ("T", "B", "M", "k", "")) -> str:
    """A number of parameters as people say it."""
    for scale, unit in zip((1e12, 1e9, 1e6, 1e3), units, strict=False):
        if value >= scale:
            return f"{value / scale:,.4g} {unit}"
    return f"{value:,.0f} {units[-1]}".rstrip()


def _bytes(value: float) -> str:
    """Bytes in decimal units."""
    return _count(value, ("TB", "GB", "MB", "kB", "B"))
