"""`modelworth compare-runs`: two runs side by side, or one beside what others published."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.engine import STORE_ENDINGS
from modelworth.data.errors import InputError
from modelworth.data.exchange import read
from modelworth.data.measurement import Measurement
from modelworth.data.store import Store, open_store
from modelworth.data.words import SHORT

if TYPE_CHECKING:
    from modelworth.costmodel.prediction.published_rows import Beside
    from modelworth.data.comparison import Difference

EPILOG = """A run is one of
  quick             the newest record of each case of a suite in the store
  quick~1           the one before (~2: two before)
  0a436112da84      one measurement, by the start of its id
  before.jsonl      a file that `modelworth export` wrote (or .csv)
  other.db          another store
  published         as A: the published runs that are nearest to each of B's

examples:
  modelworth compare-runs quick~1 quick
  modelworth compare-runs before.jsonl quick
  modelworth compare-runs 0a436112 e2158264
  modelworth compare-runs published quick
"""
PUBLISHED_RUNS = "published"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("before", metavar="A", help="the run to compare with")
    parser.add_argument("after", metavar="B", help="the run to judge")
    parser.add_argument("--store", metavar="URL", help="where measurements are kept")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.03,
        help="relative difference to overlook, as runs of equal code differ too (default 0.03)",
    )
    parser.add_argument("--json", action="store_true", help="print the differences as JSON lines")
    parser.epilog = EPILOG


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    from modelworth.data.comparison import compare

    if not 0 <= options.noise < 1:
        raise InputError("--noise", options.noise, "a share from 0 to below 1")
    if options.before == PUBLISHED_RUNS:
        return _beside_published(_run(options.after, options.store), as_json=options.json)
    before, after = (_run(name, options.store) for name in (options.before, options.after))
    differences = compare(before, after, options.noise)
    if options.json:
        for one in differences:
            print(json.dumps(_as_json(one)))
    else:
        _print_table(differences)
    return 0


def _beside_published(records: list[Measurement], *, as_json: bool) -> int:
    """Each record beside the nearest published run; status 1 where none has one."""
    from modelworth.bench.run.result_table import shape
    from modelworth.costmodel.prediction.published_rows import beside
    from modelworth.data.catalog import load_catalog

    catalog = load_catalog()
    found = [beside(record, catalog) for record in records]
    for one in found:
        record, row = one.record, one.row
        work = f"{record.workload.kind} {SHORT[record.workload.precision]}"
        if as_json:
            print(json.dumps(_beside_as_json(one)))
            continue
        print(f"{record.model.name} {work} {shape(record.workload)}, {record.machine.device}:")
        if row is None or one.ratio is None:
            print(f"  nothing comparable was published: {one.reason}")
            continue
        print(f"  {one.ratio:.0%} of what {row.software} published for {row.model}: "
              f"{row.value:,.6g} {row.unit}")  # fmt: skip
        if one.scaled:
            print("  by tokens × parameters, as the sizes differ")
        if one.differs:
            print(f"  not alike: {'; '.join(one.differs)}")
        print(f"  source: {row.source} ({row.as_of})")
    return 0 if any(one.row for one in found) else 1


def _beside_as_json(one: Beside) -> dict[str, object]:
    row = one.row
    return {
        "id": one.record.id,
        "model": one.record.model.name,
        "kind": one.record.workload.kind,
        "device": one.record.machine.device,
        "ratio": one.ratio,
        "scaled_by_size": one.scaled,
        "not_alike": list(one.differs),
        "reason": one.reason,
        "published": row and row.model_dump(mode="json"),
    }


def _run(name: str, url: str | None) -> list[Measurement]:
    """The measurements that a name stands for."""
    from modelworth.data.comparison import newest_run

    path = Path(name)
    if path.suffix in STORE_ENDINGS or "://" in name:
        with open_store(name, create=False) as store:
            return newest_run(store.measurements())
    if path.is_file():
        return newest_run(list(read(path)))
    with open_store(url, create=False) as store:
        return _from_store(store, name)


def _from_store(store: Store, name: str) -> list[Measurement]:
    from modelworth.data.comparison import newest_run

    found = re.fullmatch(r"(.+)~(\d+)", name)
    suite, back = (found[1], int(found[2])) if found else (name, 0)
    records = store.measurements(suite=suite)
    if records:
        run_ = newest_run(records, back)
        if not run_:
            raise InputError(
                store.where, name, f"a run that is there: {suite} has no {back} before"
            )
        return run_
    matching = store.beginning(name)
    if len(matching) == 1:
        return matching
    suites = ", ".join(store.words("suite"))
    known = f"a suite in the store ({suites or 'none yet'}), the start of one id, a file"
    fits = "several records" if matching else "no record"
    raise InputError(store.where, f"{name}, which fits {fits}", known)


def _as_json(one: Difference) -> dict[str, object]:
    return {
        "model": one.either.model.name,
        "kind": one.either.workload.kind,
        "case": one.either.case,
        "before": one.before and one.before.id,
        "after": one.after and one.after.id,
        "ratio": one.ratio,
        "low": one.low,
        "high": one.high,
        "p_value": one.p_value,
        "verdict": one.verdict,
    }


def _print_table(differences: list[Difference]) -> None:
    from rich.console import Console
    from rich.table import Table

    from modelworth.bench.run.result_table import shape

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "work", "shape"):
        table.add_column(name)
    for name in ("A", "B", "B / A", "95%", "p (Holm)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for one in differences:
        workload = one.either.workload
        work = f"{workload.kind} {workload.precision}{', compiled' if workload.compiled else ''}"
        figures = (_rate(one.before), _rate(one.after), *_figures(one))
        doubts = _doubts(one)
        verdict = f"{one.verdict} ({doubts})" if doubts else one.verdict
        table.add_row(one.either.model.name, work, shape(workload), *figures, verdict)
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table)
    real = sum(one.verdict in ("faster", "slower") for one in differences)
    doubtful = sum(one.verdict == "doubtful" for one in differences)
    more = f"; {doubtful} doubtful, as a run was disturbed" if doubtful else ""
    console.print(f"real differences: {real} of {len(differences)}{more}", soft_wrap=True)


def _figures(one: Difference) -> tuple[str, str, str]:
    if one.ratio is None:
        return "–", "–", "–"
    p_value = "< 0.001" if (one.p_value or 0) < 0.001 else f"{one.p_value:.3f}"
    return f"{one.ratio:.3f}", f"{one.low:.3f} to {one.high:.3f}", p_value


def _rate(one: Measurement | None) -> str:
    from modelworth.bench.run.result_table import rate

    if one is None:
        return "–"
    if one.result is None:
        return one.status
    return rate(one.result.throughput_per_s.value, one.result.unit)


def _doubts(one: Difference) -> str:
    """Flags that make either run doubtful."""
    runs = [each.result.condition.flags for each in (one.before, one.after) if each and each.result]
    return ", ".join(sorted({flag for flags in runs for flag in flags}))
