"""Figures as people read them."""

from __future__ import annotations

import pytest

from modelworth.bench.run import document, record
from modelworth.bench.run import result_table as table
from modelworth.data.measurement import Layout, Machine, Workload
from tests.bench import stub
from tests.bench.test_record import HERE, MACHINE, kept, seen


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1.23 M"), (999, "999 "), (0.0123, "0.0123 "), (1e12, "1 T"), (123456, "123 k")],
)
def test_numbers(value, text):
    assert table.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(61.2, "61.2 s"), (0.0123, "12.3 ms"), (4.5e-6, "4.5 µs"), (2e-9, "2 ns")]
)
def test_durations(seconds, text):
    assert table.duration(seconds) == text


def test_memory():
    assert table.memory(None) == "–"
    assert table.memory(3 * 2**30) == "3.00 GiB"
    assert table.memory(5 * 2**20) == "5 MiB"


@pytest.mark.parametrize(
    ("workload", "text"),
    [
        ({"batch": 8, "prompt_tokens": 512}, "8 × 512"),
        ({"batch": 8, "prompt_tokens": 512, "new_tokens": 128}, "8 × 512 + 128"),
        ({"batch": 4, "image_pixels": 224}, "4 × 224²"),
        ({"batch": 4}, "4"),
        ({"batch": 1, "attention": "eager", "gradient_accumulation": 4}, "1, accumulate 4, eager"),
        ({"batch": 1, "activation_checkpointing": True}, "1, checkpointing"),
        ({"batch": 1, "layout": Layout(data=2, tensor=4)}, "1, DDP 2 TP 4"),
        ({"batch": 1, "layout": Layout(data=2, fully_sharded=True)}, "1, FSDP 2"),
    ],
)
def test_shapes(workload, text):
    assert table.shape(Workload(kind="pretrain", precision="float32", **workload)) == text


def test_a_row_stands_beside_its_ceiling():
    (row,) = table.rows([kept(seen())])
    cells = dict(zip(table.COLUMNS, row, strict=True))
    assert cells["throughput"] == "250 tokens/s"
    assert cells["step"] == "100 ms"
    assert (cells["achieved"], cells["ceiling"], cells["share"]) == (
        "50 GFLOP/s",
        "100 GFLOP/s",
        "50%",
    )


def test_decoding_stands_beside_bandwidth():
    workload = Workload(kind="decode", batch=1, precision="float32")
    found = kept(seen(workload=workload, work_per_step=1.0, bytes_per_step=1.5e9))
    met = table.against(found)
    assert (met.achieved, met.ceiling, met.share) == ("15 GB/s", "30 GB/s", "50%")
    small = seen(workload=workload, work_per_step=1.0, bytes_per_step=1.5e6, cache_bytes=2**25)
    met = table.against(kept(small))
    assert (met.achieved, met.ceiling, met.share) == ("15 MB/s", "in cache", "–")


def test_without_ceilings_there_is_no_share():
    assert table.against(kept(seen(), Machine(device="x", kind="cpu"))).share == "–"


def test_a_failure_is_told_in_its_row():
    failed = record.failed(stub.case("crash"), "oom", "no memory", MACHINE, HERE, None)
    (row,) = table.rows([failed])
    assert row[-1] == "oom: no memory"
    assert row[3:-1] == ("–",) * 7


def test_the_document_has_the_newest_of_each_case_by_family():
    failed = record.failed(stub.case("crash"), "error", "why", MACHINE, HERE, "suite")
    text = document.document([kept(seen()), kept(seen(work_per_step=50.0)), failed])
    assert document.NO_GPU in text
    assert "500 tokens/s" in text
    assert "250 tokens/s" not in text
    assert "2 cases, 1 failed" in text
    assert "### Decoders" in text
    assert "matrix products 100 GFLOP/s, copy 20 GB/s, read 30 GB/s" in text


def test_a_document_with_a_gpu_doesnt_say_there_is_none():
    gpu = Machine(device="H100 SXM 80GB", kind="cuda", count=2)
    assert document.NO_GPU not in document.document([kept(seen(), gpu)])


def test_an_empty_document_says_that_nothing_was_measured():
    assert document.NO_GPU in document.document([])
