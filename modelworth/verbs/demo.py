"""`modelworth demo`: measures this machine, prices it, and reports on a question one would ask.

With an accelerator the report is on that machine. A processor is no place to serve from, and the
demo says so; its report is on fine-tuning and hosting against buying.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from modelworth.data.store import open_store

SCENARIO = "base"
QUESTION = "translation_service"
ON_CPU = """
This machine measured on its processor, and a processor is no place to serve from: what it costs a
token above shows how far. So the report answers a question that one would ask instead: fine-tune
and host a model of one's own, or buy?"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--store", metavar="URL", help="where measurements are kept")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR",
                        help="folder for the report (default: out)")  # fmt: skip
    parser.add_argument("--language", default="en", metavar="en|zh_CN", help="of the report")
    parser.epilog = "examples:\n  modelworth demo\n  modelworth demo --language zh_CN"


def run(options: argparse.Namespace) -> int:
    """Measure, price, report, one after another; stops at the first that fails."""
    store = ["--store", options.store] if options.store else []
    written = ["--out", str(options.out), "--formats", "html", "--language", options.language]
    _said("1/3 What this machine does")
    if status := _verb("bench", ["--suite", "quick", *store]):
        return status
    _said("2/3 Whether that pays")
    if status := _verb("evaluate", [SCENARIO, *store]):
        return status
    accelerated = _measured_an_accelerator(options.store)
    if not accelerated:
        print(ON_CPU, flush=True)
    question = SCENARIO if accelerated else QUESTION
    _said(f"3/3 The report on {question}")
    if status := _verb("report", [question, *written, *store]):
        return status
    print("\nNext: modelworth dashboard asks what you want to know; --help shows the rest.")
    return 0


def _said(title: str) -> None:
    print(f"\n== {title}\n", flush=True)


def _measured_an_accelerator(url: str | None) -> bool:
    """Whether any of the newest records ran on something else than a processor."""
    with open_store(url, create=False) as store:
        return any(one.machine.kind != "cpu" for one in store.evidence())


def _verb(name: str, arguments: list[str]) -> int:
    """Run a verb as if it had been typed."""
    module: Any = import_module(f"modelworth.verbs.{name}")
    parser = argparse.ArgumentParser(prog=f"modelworth {name}")
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments)))
