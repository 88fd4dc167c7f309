"""`modelworth list`: the names that other verbs take, each with what one chooses by."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.data.catalog import Accelerator, Catalog

EXAMPLES = """examples:
  modelworth list models qwen3
  modelworth list devices h100
  modelworth list rents a100
  modelworth list prices deepseek
  modelworth list drivers price
  modelworth list scenarios --json"""
Entry = dict[str, object]
"""One line: the name first, then what is known, by column; None where nothing is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("what", choices=LISTS, help=f"one of {', '.join(LISTS)}")
    parser.add_argument("words", nargs="*", help="only lines that hold all of these words")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = EXAMPLES


def run(options: argparse.Namespace) -> int:
    """Print the lines that hold every word."""
    words = [word.casefold() for word in options.words]
    entries = [
        entry
        for entry in LISTS[options.what]()
        if all(word in " ".join(map(str, entry.values())).casefold() for word in words)
    ]
    if not entries:
        raise InputError(
            options.what, " ".join(options.words), "words of a line; without any, all are listed"
        )
    print(json.dumps(entries, indent=2, ensure_ascii=False) if options.json else _lines(entries))
    return 0


def _lines(entries: list[Entry]) -> str:
    """The entries as a table whose columns are as wide as they need."""
    head = list(entries[0])
    rows = [head, *([_cell(value) for value in entry.values()] for entry in entries)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    figures = [all(not isinstance(entry[key], str) for entry in entries) for key in head]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, figures, strict=True)
        ).rstrip()
        for row in rows
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _catalog() -> Catalog:
    from modelworth.data.catalog import load_catalog

    return load_catalog()


def _models() -> Iterator[Entry]:
    catalog = _catalog()
    known = {item.name: item for item in (*catalog.models, *catalog.described, *catalog.built)}
    for name, model in sorted(known.items()):
        yield {
            "model": name,
            "family": model.family,
            "parameters_total": model.parameters_total,
            "parameters_active": model.parameters_active,
        }


def _devices() -> Iterator[Entry]:
    catalog = _catalog()
    for device in catalog.accelerators:
        yield {
            "device": device.name,
            "maker": device.vendor,
            "memory_gib": device.memory_gib,
            "bandwidth_gb_per_s": device.bandwidth_gb_per_s,
            "bf16_tflops": device.bf16_tflops,
            "fp16_tflops": device.fp16_tflops,
            "fp8_tflops": device.fp8_tflops,
            "board_power_w": device.board_power_w,
            "usd_per_gpu_hour": _rent(catalog, device),
        }


def _rent(catalog: Catalog, device: Accelerator) -> float | None:
    """The rent on demand that other verbs take; None where none is known."""
    try:
        return catalog.rent(device.name).usd_per_gpu_hour
    except InputError:
        return None


def _rents() -> Iterator[Entry]:
    newest_first = sorted(_catalog().rents, key=lambda row: row.as_of, reverse=True)
    for row in sorted(newest_first, key=lambda row: (row.accelerator, row.terms)):
        yield {
            "device": row.accelerator,
            "terms": row.terms,
            "usd_per_gpu_hour": row.usd_per_gpu_hour,
            "provider": row.provider,
            "as_of": row.as_of,
        }


def _prices() -> Iterator[Entry]:
    from modelworth.data.api_prices import api_offers, api_price

    for provider, model in api_offers():
        price = api_price(model, provider)
        yield {
            "provider": provider,
            "model": model,
            "usd_per_million_input_tokens": price.usd_per_million_input_tokens,
            "usd_per_million_cached_tokens": price.usd_per_million_cached_tokens,
            "usd_per_million_output_tokens": price.usd_per_million_output_tokens,
        }


def _drivers() -> Iterator[Entry]:
    from modelworth.costmodel.scenario.drivers import load_drivers

    for driver in load_drivers().values():
        chosen = driver.choices[int(driver.default)] if driver.choices else driver.default
        yield {
            "driver": driver.key,
            "default": str(chosen) if driver.choices else chosen,
            "unit": driver.unit,
            "meaning": driver.meaning,
        }


def _scenarios() -> Iterator[Entry]:
    from modelworth.costmodel.scenario.scenario import load, shipped

    for name in shipped():
        scenario = load(name)
        text = scenario.text["en"]
        yield {"scenario": name, "months": scenario.months, "question": text["question"]}


LISTS: dict[str, Callable[[], Iterator[Entry]]] = {
    "models": _models,
    "devices": _devices,
    "rents": _rents,
    "prices": _prices,
    "drivers": _drivers,
    "scenarios": _scenarios,
}
