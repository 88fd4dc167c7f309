"""Eight writers at once, one of them killed again and again: nothing told of may be lost.

`python -m tests.soak.writers STORE FIRST COUNT` is one writer: it adds records one by one and says
the id of each when it is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from modelworth.data.checkup import checkup
from modelworth.data.store import open_store
from tests.data.records import made_up
from tests.postgres import started

ROOT = Path(__file__).parents[2]
WRITERS, EACH = 8, 40
DATABASES = ("sqlite", "postgresql")


@contextmanager
def address(database: str, kept: Path | None = None) -> Iterator[str]:
    """A store's address: a file, or a database of a server that runs meanwhile.

    `kept`: a folder that stays, with what it holds.
    """
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        if database == "sqlite":
            yield str(Path(folder) / "store.db")
            return
        server = started(folder, "stop" if kept else "delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()


def run(database: str, budget_s: float) -> dict[str, object]:
    """Rounds of eight writers until the time is used up; the first of each round is killed."""
    faults, rounds, records, kills = list[str](), 0, 0, 0
    start = time.perf_counter()
    with address(database) as url:
        while rounds == 0 or time.perf_counter() - start < budget_s:
            told, midway, wrong = _round(url, rounds * WRITERS * EACH)
            faults += wrong
            kills += midway
            records += len(told)
            with open_store(url) as store:
                kept = {key for key, _ in store.rows()}
            if lost := told - kept:
                faults.append(f"{database}: {len(lost)} records lost in round {rounds}")
            rounds += 1
        with open_store(url) as store:
            found = checkup(store)
        faults += [f"{database}: {one}" for one in (*found.damage, *found.unreadable)]
    return {"inputs": records, "kills": kills, "losses": len(faults), "faults": faults}


def _round(url: str, first: int) -> tuple[set[str], int, list[str]]:
    """What eight writers said was kept, whether the first died at work, and who failed."""
    command = [sys.executable, "-m", "tests.soak.writers", url]
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen([*command, str(first + n * EACH), str(EACH)], cwd=ROOT, stdout=pipe,
                         stderr=pipe, text=True)
        for n in range(WRITERS)
    ]  # fmt: skip
    assert writers[0].stdout is not None
    heard = [writers[0].stdout.readline() for _ in range(EACH // 2)]
    writers[0].kill()
    said = [writer.communicate() for writer in writers]
    words = "".join([*heard, *(out for out, _ in said)])
    told = {json.loads(line) for line in words.split("\n")[:-1] if line.endswith('"')}
    wrong = [
        f"a writer failed: {err.strip()[-200:]}"
        for writer, (_, err) in zip(writers[1:], said[1:], strict=True) if writer.returncode
    ]  # fmt: skip
    return told, int(writers[0].returncode != 0), wrong


def write(url: str, first: int, count: int) -> None:
    """Add records one by one, each told when it is kept."""
    with open_store(url) as store:
        for number in range(first, first + count):
            record = made_up(number)
            store.add(record)
            print(json.dumps(record.id), flush=True)  # noqa: T201


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
