"""`modelworth export`: the measurements of a store as JSONL, CSV or Parquet."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("file", type=Path, help="file to write: NAME.jsonl, .csv or .parquet")
    parser.add_argument("--store", help="store to read (default: $MODELWORTH_STORE, modelworth.db)")
    parser.add_argument("--suite", help="only the records of this suite")
    parser.add_argument(
        "--blank-commands", action="store_true", help="leave out the commands that made the records"
    )
    parser.epilog = (
        "examples:\n  modelworth export runs.jsonl\n  modelworth export --suite quick quick.csv\n"
        "  modelworth export --blank-commands to-publish.jsonl"
    )


def run(options: argparse.Namespace) -> int:
    """Write the file; a file that is there is replaced when the new one is whole."""
    from modelworth.data.exchange import format_of, write
    from modelworth.data.record_text import without_command
    from modelworth.data.store import open_store

    format_of(options.file)
    with open_store(options.store, create=False) as store:
        documents = store.documents(suite=options.suite)
        if options.blank_commands:
            documents = map(without_command, documents)
        count = write(documents, options.file)
    print(f"{count} measurements written to {options.file}")
    return 0
