"""Files out of the store and back without loss; other tools' files; refusals with file and line."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from modelworth.data import exchange, foreign_file
from modelworth.data.drafts import write_whole
from modelworth.data.errors import InputError
from modelworth.data.exchange import read, write
from modelworth.data.record_text import serialise
from tests.data.records import failed, made_up

RECORDS = [made_up(0), made_up(1, suite="=cmd|' /C calc'!A0"), failed(2)]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_there_and_back(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert write(map(serialise, RECORDS), path) == len(RECORDS)
    assert list(read(path)) == RECORDS
    assert list(tmp_path.iterdir()) == [path]


def test_tables_open_in_pandas(tmp_path):
    for path in (tmp_path / "out.csv", tmp_path / "out.parquet"):
        write(map(serialise, RECORDS), path)
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        assert frame["document"].tolist() == [serialise(record) for record in RECORDS]
        assert frame["model"].tolist() == ["tiny-0", "tiny-1", "tiny-2"]
        assert frame["throughput_per_s"].notna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}\n", "1: recorded_at"),
        (serialise(made_up()) + "\nnot json\n", ":2: record"),
        (serialise(made_up()).replace('"batch": 1', '"batch": -1'), "workload.batch: -1"),
        ('{"schema_version": 99}', ":1: schema_version: 99"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, said):
    path = tmp_path / "in.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        list(read(path))
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["in.xls", "missing.jsonl"])
def test_other_files_are_refused(tmp_path, name):
    with pytest.raises(InputError):
        list(read(tmp_path / name))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_tables_of_others_are_refused(tmp_path, name):
    frame = pd.DataFrame({"a": [1]})
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="export"):
        list(read(tmp_path / name))


def test_nothing_is_left_when_the_folder_is_absent(tmp_path):
    with pytest.raises(InputError, match="folder"):
        write([], tmp_path / "no" / "out.csv")


def _file(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    return path


SHIPPED = sorted((Path(exchange.__file__).parent / "measurements").glob("*.jsonl"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_measurements_are_whole_and_say_on_what(path):
    records = list(read(path))
    assert len({record.id for record in records}) == len(records) > 0
    for record in records:
        assert record.provenance.origin == "measured"
        assert record.machine.device
        assert record.machine.libraries["torch"]
        assert path.name.startswith(f"{record.recorded_at:%Y-%m-%d}")


def test_what_a_killed_export_left_goes_with_the_next(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".out.csv.{gone.pid}.part"
    others = [tmp_path / f".out.csv.{os.getppid()}.part", tmp_path / f".other.csv.{gone.pid}.part"]
    for path in (left, *others):
        path.write_text("half a table")
    exchange.write([serialise(made_up())], tmp_path / "out.csv")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "out.csv", *others])


def test_a_text_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(InputError, match="can be written"):
            write_whole(path, "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "one"


def test_a_text_goes_to_where_a_link_leads_and_through_a_pipe(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "one"
    os.mkfifo(tmp_path / "pipe")
    with os.fdopen(os.open(tmp_path / "pipe", os.O_RDWR), "rb") as pipe:
        write_whole(tmp_path / "pipe", "two")
        assert pipe.read(3) == b"two"


def test_a_file_that_grows_or_says_nothing_of_its_size_is_read_to_its_bound(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="at most 99 bytes"):
        foreign_file.read_bytes(path, "a file", 99)
    with pytest.raises(InputError, match="at most 9 bytes"):
        foreign_file.read_bytes(Path("/proc/self/status"), "a file", 9)
    with pytest.raises(InputError):
        foreign_file.read_bytes(Path("/proc/self/mem"), "a file")
