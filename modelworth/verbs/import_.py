"""`modelworth import`: measurements from a file, ours or another tool's, into a store."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("files", type=Path, nargs="+", help=".jsonl, .csv, .parquet or .json files")
    parser.add_argument(
        "--store", help="store to add to (default: $MODELWORTH_STORE, modelworth.db)"
    )
    parser.add_argument("--device", help="the accelerator, where another tool's file doesn't say")
    parser.add_argument("--count", type=int, default=1, help="how many of them (default 1)")
    parser.add_argument("--precision", default="bfloat16", help="of the matrix products")
    parser.epilog = (
        "examples:\n"
        "  modelworth import runs.jsonl\n"
        "  modelworth import vllm-result.json --device 'H100 SXM 80GB' --count 2\n"
        "  modelworth import llama-bench.json\n\n"
        "A .json file is a result of `vllm bench serve --save-result` or `llama-bench -o json`."
    )


def run(options: argparse.Namespace) -> int:
    """Add what is new; all files are read and checked before anything is added."""
    from typing import get_args

    from modelworth.data.catalog import load_catalog
    from modelworth.data.errors import InputError
    from modelworth.data.exchange import read
    from modelworth.data.importers.foreign import Told, read_foreign
    from modelworth.data.store import open_store
    from modelworth.data.words import Precision

    if options.count < 1:
        raise InputError("--count", options.count, "1 or more")
    if options.precision not in get_args(Precision):
        raise InputError(
            "--precision", options.precision, f"one of {', '.join(get_args(Precision))}"
        )
    device = options.device and load_catalog().accelerator(options.device).name
    told = Told(device, options.count, options.precision)
    records = []
    for path in options.files:
        records += read_foreign(path, told) if path.suffix == ".json" else read(path)
    with open_store(options.store) as store:
        added = store.add_all(records)
        print(f"{added} measurements added to {store.where}, {len(records) - added} known already")
    return 0
