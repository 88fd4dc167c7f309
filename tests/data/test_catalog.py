"""The catalogue against datasheets typed from elsewhere, and the rules that every table keeps."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from modelworth.data import catalog as room
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError

ROOM = Path(room.__file__).parent
NAMES = {ROOM / "columns.csv", ROOM / "case_fields.csv"}
TABLES = sorted(set(ROOM.rglob("*.csv")) - NAMES)  # of which no row is a fact
CATALOG = load_catalog()

# aiconfigurator's system files (commit 095f58a51): dense bf16 TFLOP/s, GB/s, W.
SIMULATOR = {
    "A100 PCIe 80GB": (312, 1935, 300),
    "A100 SXM 80GB": (312, 2039, 400),
    "A30": (165, 933, 165),
    "B200 SXM 180GB": (2250, 7700, 1000),
    "B300 SXM": (2250, 7750, 1100),
    "GB200": (2500, 8000, 1200),
    "H100 PCIe 80GB": (756.5, 2000, 350),
    "H100 SXM 80GB": (989, 3350, 700),
    "H200 SXM 141GB": (989, 4800, 700),
    "L4": (121, 300, 72),
    "L40S": (362.05, 864, 350),
}
# What NVML calls the boards.
NVML = {
    "NVIDIA H100 80GB HBM3": "H100 SXM 80GB",
    "NVIDIA H100 PCIe": "H100 PCIe 80GB",
    "NVIDIA H100 NVL": "H100 NVL 94GB",
    "NVIDIA H200": "H200 SXM 141GB",
    "NVIDIA B200": "B200 SXM 180GB",
    "NVIDIA A100-SXM4-40GB": "A100 SXM 40GB",
    "NVIDIA A100-SXM4-80GB": "A100 SXM 80GB",
    "NVIDIA GeForce RTX 4090": "RTX 4090",
    "Tesla T4": "T4",
    "Tesla V100-SXM2-16GB": "V100 SXM2 16GB",
}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: str(path.relative_to(ROOM)))
def test_every_row_has_source_and_date(path):
    with path.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            assert row.get("source", "").strip(), f"{path}:{number} lacks a source"
            dated = path.name != "lines.csv"  # formulas don't age
            assert not dated or row.get("as_of", "").strip(), f"{path}:{number} lacks a date"


@pytest.mark.parametrize(("name", "stated"), SIMULATOR.items())
def test_rates_agree_with_a_second_table(name, stated):
    device = CATALOG.accelerator(name)
    found = (device.bf16_tflops, device.bandwidth_gb_per_s, device.board_power_w)
    assert found == pytest.approx(stated, rel=0.005)


def test_no_rate_is_a_sparse_one():
    for device in CATALOG.accelerators:
        assert (device.bf16_tflops or 0) <= 2520, device.name
        if device.bf16_tflops and device.fp8_tflops:
            assert device.fp8_tflops <= 2.05 * device.bf16_tflops, device.name
        if device.bf16_tflops and device.fp4_tflops:
            assert device.fp4_tflops <= 8.05 * device.bf16_tflops, device.name


@pytest.mark.parametrize(("printed", "name"), NVML.items())
def test_names_of_the_driver_resolve(printed, name):
    assert CATALOG.accelerator(printed).name == name
    assert CATALOG.accelerator(name.lower().replace(" ", "-")).name == name


@pytest.mark.parametrize("look_up", [CATALOG.accelerator, CATALOG.model, CATALOG.carbon])
def test_unknown_names_are_refused(look_up):
    with pytest.raises(InputError, match="must be a known one"):
        look_up("H1000 nothing")


def test_priced_devices_are_in_the_catalogue():
    for row in (*CATALOG.rents, *CATALOG.purchases):
        assert CATALOG.accelerator(row.accelerator).name == row.accelerator


def test_rent_is_within_its_rows():
    quote = CATALOG.rent("4090")
    assert quote.low <= quote.usd_per_gpu_hour <= quote.high
    assert all(row.terms == "on-demand" for row in quote.rows)
    assert CATALOG.rent("H200", "verda").usd_per_gpu_hour == 3.39
    assert CATALOG.rent("H200", terms="3yr").usd_per_gpu_hour == 1.60
    with pytest.raises(InputError, match="nobody"):
        CATALOG.rent("H200", "nobody")


def test_places_by_code_and_name():
    assert CATALOG.carbon("ARE") == CATALOG.carbon("united arab emirates")
    assert CATALOG.carbon("ARE").gco2_per_kwh == pytest.approx(561.135)


def test_age_counts_from_the_first_day_meant():
    assert CATALOG.carbon("ARE").age_days(date(2023, 1, 1)) == 365


HEADER = "name,vendor,architecture,bf16_tflops,bandwidth_gb_per_s,memory_gib,source,as_of\n"


def test_own_file_extends_and_replaces(tmp_path, monkeypatch):
    own = tmp_path / "own.csv"
    own.write_text(HEADER + "X1,Acme,One,100,500,32,Acme sheet,2026\nT4,N,T,9,300,16,me,2026-01\n")
    monkeypatch.setenv("MODELWORTH_CATALOG", str(own))
    catalog = load_catalog()
    assert catalog.accelerator("x1").matmul_flops_per_s["bf16"] == 1e14
    assert catalog.accelerator("x1").matmul_flops_per_s["fp8"] is None
    assert catalog.accelerator("T4").bf16_tflops == 9
    assert len(catalog.accelerators) == len(CATALOG.accelerators) + 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("X1,Acme,One,-1,500,32,sheet,2026", "own.csv:2: bf16_tflops: -1"),
        ("X1,Acme,One,100,500,32,,2026", "own.csv:2: source: nothing"),
        ("X1,Acme,One,100,500,32,sheet,soon", "own.csv:2: as_of: soon"),
        ("X1,Acme", "own.csv:2: a row of another length"),
        ("h100,Acme,One,100,500,32,sheet,2026", "a name that"),
    ],
)
def test_bad_rows_are_refused_with_their_line(tmp_path, monkeypatch, row, said):
    own = tmp_path / "own.csv"
    own.write_text(HEADER + row + "\n")
    monkeypatch.setenv("MODELWORTH_CATALOG", str(own))
    with pytest.raises(InputError) as caught:
        load_catalog()
    assert said in str(caught.value)


def test_missing_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELWORTH_CATALOG", str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="readable CSV"):
        load_catalog()
