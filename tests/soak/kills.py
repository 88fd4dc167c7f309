"""Sudden death: verbs are killed at random moments, and what they had finished must be there.

`python -m tests.soak.kills NAME SEED SECONDS MOST` runs one campaign and prints what it found.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from modelworth.data.checkup import checkup
from modelworth.data.exchange import read, write
from modelworth.data.record_text import serialise
from modelworth.data.store import Store, open_store
from tests.data.records import made_up
from tests.soak import stand_ins
from tests.soak.victims import Death, Victims

ROOT = Path(__file__).parents[2]
BEFORE, COMING = 40, 300
"""Records in a store before a killed import, and in the file that it reads."""
MOST_RECORDS = 400
"""A store is begun anew when it has so many: looking it over must stay quick."""
READ, WRITTEN = ("jsonl", "csv"), ("jsonl", "csv", "parquet")
"""What `import` takes, and what `export` writes."""
DOCUMENTS = ("json", "md", "html", "xlsx", "pptx", "pdf")
PERIOD = ["--trials", "0", "--date", "2026-11-25"]
Faults = list[str]


def importing(victims: Victims) -> Iterator[Faults]:
    """All of a file's records are there after a killed import, or none; the old ones always."""
    for ending in READ:
        texts = (serialise(made_up(BEFORE + n)) for n in range(COMING))
        write(texts, victims.folder / f"in.{ending}")
    old, path = victims.folder / "old.db", victims.folder / "import.db"
    with open_store(str(old)) as store:
        store.add_all(made_up(n) for n in range(BEFORE))
    _settled(old)
    for number in range(10**9):
        _delete(path)
        shutil.copy(old, path)
        source = victims.folder / f"in.{READ[number % len(READ)]}"
        death = victims.kill(["import", str(source), "--store", str(path)])
        with open_store(str(path)) as store:
            count = store.count()
            faults = [] if count in (BEFORE, BEFORE + COMING) else [f"{count} records"]
            if "measurements added" in death.said and count == BEFORE:
                faults.append("records that were told of are lost")
            yield [*faults, *_faults(store), *death.survivors]


def exporting(victims: Victims) -> Iterator[Faults]:
    """A killed export leaves a whole new file, or the old one."""
    path = victims.folder / "full.db"
    with open_store(str(path)) as store:
        store.add_all(made_up(n) for n in range(COMING))
    for number in range(10**9):
        out = victims.folder / f"out.{WRITTEN[number % len(WRITTEN)]}"
        write([serialise(made_up(0))], out)
        death = victims.kill(["export", str(out), "--store", str(path)])
        parquet = out.suffix == ".parquet"
        count = len(pq.read_table(out) if parquet else list(read(out)))
        yield [*([] if count in (1, COMING) else [f"{count} records"]), *death.survivors]


def benching(victims: Victims) -> Iterator[Faults]:
    """Every case that a killed run had told of is in the store and readable; no helper lives."""
    stand_ins.start_workers(victims)
    suite = victims.folder / "suite.yaml"
    suite.write_text(stand_ins.SUITE)
    words = ["bench", "--suite", str(suite), "--progress", "jsonl"]
    yield from _recording(victims, words, _ids_of_events, stand_ins.small_bench, 3.0)


def studying(victims: Victims) -> Iterator[Faults]:
    """The same of a study of data, on a few texts."""
    stand_ins.start_workers(victims)
    folder = victims.folder / "texts"
    folder.mkdir()
    for number in range(20):
        text = "\n".join(f"Line {line} of text {number} says little." for line in range(200))
        (folder / f"{number}.txt").write_text(text)
    words = ["study", "data", str(folder), "--quick", "--json"]
    yield from _recording(victims, words, _ids_of_records, stand_ins.inherit_workers, 8.0)


def loading(victims: Victims) -> Iterator[Faults]:
    """The same of a load test against a server of the tests."""
    with stand_ins.served() as url:
        victims.know_helpers()
        words = [
            *("load", url, "--concurrency", "1,2,3,4,5,6", "--requests", "6", "--warmup", "0"),
            *("--prompt-tokens", "20", "--new-tokens", "4", "--json"),
        ]
        yield from _recording(victims, words, _ids_of_records, None, 2.0)


def _recording(
    victims: Victims,
    words: list[str],
    told_ids: Callable[[str], set[str]],
    prepare: Callable[[], None] | None,
    span_s: float,
) -> Iterator[Faults]:
    """Kill a verb that adds records one by one to a store that goes on from death to death."""
    path, told = victims.folder / "store.db", set[str]()
    victims.span_s = span_s
    while True:
        death = victims.kill([*words, "--store", str(path)], prepare)
        told |= told_ids(death.said)
        if not path.exists():
            yield [*(["a store that was told of is gone"] if told else []), *death.survivors]
            continue
        with open_store(str(path)) as store:
            lost = told - {key for key, _ in store.rows()}
            faults = [f"{len(lost)} records lost"] if lost else []
            count = store.count()
            yield [*faults, *_failed(death, words[0]), *_faults(store), *death.survivors]
        if count > MOST_RECORDS:
            _delete(path)
            told.clear()


def reporting(victims: Victims) -> Iterator[Faults]:
    """A killed report leaves whole documents only: the bytes of a run that wasn't killed.

    The analysis is made once and handed to each run but every tenth, so that deaths fall into the
    writing.
    """
    out, whole = victims.folder / "out", victims.folder / "whole"
    words = ["report", "base", *PERIOD]
    analysis = stand_ins.analysis_of("base")
    given = partial(stand_ins.give_analysis, analysis)
    victims.finish([*words, "--out", str(whole), "--formats", ",".join(DOCUMENTS)], given)
    expected = {name: _hash(whole / name) for name in _files(whole)}
    spans = dict.fromkeys(DOCUMENTS, victims.span_s / len(DOCUMENTS))
    for number in range(10**9):
        name = DOCUMENTS[number % len(DOCUMENTS)]
        shutil.rmtree(out, ignore_errors=True)
        victims.span_s = spans[name]
        prepare = None if number % 10 == 9 else given
        death = victims.kill([*words, "--out", str(out), "--formats", name], prepare)
        if prepare is not None:
            spans[name] = victims.span_s
        half = [name for name in _files(out) if _hash(out / name) != expected.get(name)]
        yield [*(f"half a document: {name}" for name in half), *death.survivors]


def serving(victims: Victims) -> Iterator[Faults]:
    """A killed dashboard leaves no server on its port. A process of its own, as it serves long."""
    while True:
        port = stand_ins.free_port()
        command = [sys.executable, "-m", "modelworth", "dashboard", "--port", str(port)]
        log = subprocess.DEVNULL
        victims.know_helpers()
        with subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as verb:
            end = time.perf_counter() + float(victims.rng.uniform(1.0, 25.0))
            while time.perf_counter() < end and not stand_ins.answers(port):
                time.sleep(0.05)
            victims.midway += verb.poll() is None
            verb.kill()
        left = victims.survivors()
        yield [*left, *(["the port is still served"] if stand_ins.answers(port) else [])]


CAMPAIGNS: dict[str, tuple[Callable[[Victims], Iterator[Faults]], tuple[str, ...]]] = {
    "import": (importing, ("modelworth.verbs.import_", "modelworth.costmodel.prediction.served",
                           "modelworth.data.importers.foreign", "pyarrow.parquet")),
    "export": (exporting, ("modelworth.verbs.export", "pyarrow.parquet")),
    "bench": (benching, ("modelworth.verbs.bench", "modelworth.bench.run.runner",
                         "modelworth.bench.run.search")),
    "report": (reporting, ("modelworth.verbs.report", "modelworth.report.formats.xlsx",
                           "modelworth.report.formats.pptx", "modelworth.report.formats.html")),
    "load": (loading, ("modelworth.verbs.load", "modelworth.bench.load.session")),
    "study": (studying, ("modelworth.verbs.study", "modelworth.bench.study.runner")),
    "dashboard": (serving, ()),
}  # fmt: skip
"""Each campaign, and what its verb imports: loaded before the first fork."""


def run(name: str, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """One campaign in a child, until the time or the number of kills is used up."""
    command = [sys.executable, "-m", "tests.soak.kills", name, str(seed), str(budget_s), str(most)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or ["died"])[-1]
        return {"kills": 0, "losses": 0, "crashes": 1, "faults": [f"kill {name}: {line[:300]}"]}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def campaign(name: str, seed: int, budget_s: float, most: int) -> dict[str, object]:
    """Deaths of one verb; only those count that met it at work."""
    make, modules = CAMPAIGNS[name]
    for module in modules:
        import_module(module)
    tries, faults = 0, list[str]()
    start = time.perf_counter()
    with _folder() as folder:
        victims = Victims(folder, np.random.default_rng(seed), 1.0)
        for found in make(victims):
            tries += 1
            faults += [f"{name} {seed}/{tries}: {fault}" for fault in found]
            if victims.midway >= most or time.perf_counter() - start > budget_s:
                break
    return {"kills": victims.midway, "losses": len(faults), "faults": faults[:20]}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Path(folder)


def _ids_of_events(said: str) -> set[str]:
    return {found["id"] for found in _lines(said) if "id" in found}


def _ids_of_records(said: str) -> set[str]:
    return {found["id"] for found in _lines(said) if "provenance" in found}


def _lines(said: str) -> Iterator[dict[str, object]]:
    """The whole lines of JSON among what was said; the last may be cut."""
    for line in said.split("\n")[:-1]:
        if line.startswith("{"):
            yield json.loads(line)


def _failed(death: Death, verb: str) -> Faults:
    """A verb that came to its end by itself must not have failed."""
    wrong = f"modelworth {verb}:" in death.said or "Traceback" in death.said
    return [death.said[-300:]] if wrong else []


def _faults(store: Store) -> Faults:
    found = checkup(store)
    return [*found.damage, *(f"record {one.id} can't be read" for one in found.unreadable)]


def _files(folder: Path) -> list[str]:
    """The documents under a folder; a name with a point before it is a draft."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if not path.name.startswith(".")]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _settled(path: Path) -> None:
    """The store's file alone, without a journal beside it."""
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _delete(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


if __name__ == "__main__":
    arguments = (int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(campaign(sys.argv[1], *arguments)))  # noqa: T201
