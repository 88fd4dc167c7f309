"""`modelworth doctor --store`: whether a store is whole, and what to do where it isn't."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelworth.data.checkup import Checkup

SHOWN = 20


def run(options: argparse.Namespace) -> int:
    """Look the store over, take a record back, or save what is whole; 1 if something is wrong."""
    from modelworth.data.checkup import checkup, repair
    from modelworth.data.store import open_store

    with open_store(options.store, create=False) as store:
        if options.retract:
            store.retract(options.retract, options.reason or "")
            print(f"measurement {options.retract} is taken back; it stays in the store")
            return 0
        found = checkup(store)
        if options.json:
            print(json.dumps(asdict(found), indent=2))
        else:
            _show(found)
        if options.repair:
            saved = repair(store, Path(options.repair))
            print(f"{saved:,} of {found.records:,} records saved into {options.repair}")
    return 0 if found.healthy else 1


def _show(found: Checkup) -> None:
    size = "" if found.size_bytes is None else f", {found.size_bytes / 1e6:,.1f} MB"
    print(f"{found.where}: revision {found.revision}{size}")
    print(f"{found.records:,} records, {len(found.unreadable):,} of them can't be read")
    for fault in found.damage[:SHOWN]:
        print(f"  the file: {fault}")
    for record in found.unreadable[:SHOWN]:
        print(f"  {record.id}: {record.fault}")
    if len(found.unreadable) > SHOWN:
        print(f"  … and {len(found.unreadable) - SHOWN:,} more (--json lists all)")
    for key, reason in found.retracted.items():
        print(f"  {key}: taken back: {reason}")
    if not found.healthy:
        print("save what is whole: modelworth doctor --store … --repair NEW.db")
