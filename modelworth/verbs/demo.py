"""`modelworth demo`: measures this machine, prices what it measured, writes a report."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

SCENARIO = "base"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--store", metavar="URL", help="where measurements are kept")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR",
                        help="folder for the report (default: report)")  # fmt: skip
    parser.add_argument("--language", default="en", metavar="en|zh_CN", help="of the report")
    parser.epilog = "examples:\n  modelworth demo\n  modelworth demo --language zh_CN"


def run(options: argparse.Namespace) -> int:
    """Run the three verbs one after another; stops at the first that fails."""
    store = ["--store", options.store] if options.store else []
    written = ["--out", str(options.out), "--formats", "html", "--language", options.language]
    steps = (
        ("1/3 What this machine does", "bench", ["--suite", "quick", *store]),
        ("2/3 Whether that pays", "evaluate", [SCENARIO, *store]),
        ("3/3 The report", "report", [SCENARIO, *written, *store]),
    )
    for title, verb, arguments in steps:
        print(f"\n== {title} (modelworth {' '.join([verb, *arguments])})\n", flush=True)
        if status := _verb(verb, arguments):
            return status
    print("\nNext: modelworth dashboard explores the scenario; modelworth --help shows the rest.")
    return 0


def _verb(name: str, arguments: list[str]) -> int:
    """Run a verb as if it had been typed."""
    module: Any = import_module(f"modelworth.verbs.{name}")
    parser = argparse.ArgumentParser(prog=f"modelworth {name}")
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments)))
