"""Collectives against the timings they were fitted to, others' timings, and laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.costmodel.prediction.collective_table import (
    fabric_of,
    fit_link,
    fit_links,
    load_collectives,
)
from modelworth.costmodel.prediction.collectives import (
    OPERATIONS,
    Fabric,
    Link,
    collective_s,
    point_to_point_s,
    wire_share,
)
from modelworth.data.catalog import Accelerator, load_catalog
from modelworth.data.errors import InputError

CATALOG = load_catalog()
FACTS = Path(__file__).parents[3] / "shared" / "facts"
SYSTEMS = {
    "a100_sxm": "A100 SXM 80GB",
    "b200_sxm": "B200 SXM 180GB",
    "h100_sxm": "H100 SXM 80GB",
    "h200_sxm": "H200 SXM 141GB",
    "gb200": "GB200",
    "rtx_pro_6000_server": "RTX PRO 6000 Server",
}
KIB, MIB, GIB = 2**10, 2**20, 2**30

# S. Bekman, Machine Learning Engineering, network/benchmarks: all-reduce, payload → GB/s of bus.
H200_NODE = {32 * KIB: 3.20, MIB: 72.45, 16 * MIB: 242.45, 256 * MIB: 442.27, GIB: 464.0}
B200_FOUR_NODES = {32 * KIB: 0.65, MIB: 12.47, 64 * MIB: 197.77, GIB: 365.99, 16 * GIB: 376.71}
A100_NODE = {GIB: 229.04, 16 * GIB: 234.89}  # shorter ones through an older, slower library


def fabric(name: str) -> Fabric:
    return fabric_of(CATALOG.accelerator(name), known=CATALOG.accelerators)


def test_a_link_is_between_the_sum_and_the_full_pipeline():
    link = Link(1e-5, 1e11)
    assert link.seconds(1e6) == pytest.approx(2e-5)
    filled = Link(1e-5, 1e11, pipelining=1.0)
    assert filled.seconds(1e6) == pytest.approx((np.sqrt(1e-5) + np.sqrt(1e-5)) ** 2)


def test_wire_shares():
    assert wire_share("all_reduce", 8) == 2 * 7 / 8
    assert wire_share("all_gather", 8) == wire_share("all_to_all", 8) == 7 / 8
    assert wire_share("reduce_scatter", 1) == 0


def test_a_fit_finds_the_link_that_made_the_timings():
    truth = Link(8e-6, 3e11, 0.5)
    sizes = np.geomspace(1e3, 1e9, 20)
    found = fit_link(sizes, [truth.seconds(size) for size in sizes])
    assert found.latency_s == pytest.approx(truth.latency_s, rel=1e-3)
    assert found.bytes_per_s == pytest.approx(truth.bytes_per_s, rel=1e-3)
    assert found.pipelining == pytest.approx(truth.pipelining, rel=1e-2)


def test_the_shipped_table_states_its_error():
    rows = load_collectives()
    assert np.median([row.error_median for row in rows]) < 0.05
    assert np.median([row.error_p90 for row in rows]) < 0.15
    for row in rows:
        CATALOG.accelerator(row.device)


@pytest.mark.skipif(not FACTS.exists(), reason="the shared facts aren't here")
def test_the_shipped_table_is_what_the_fit_makes_of_the_timings():
    raw = pd.read_csv(FACTS / "kernel_nccl.csv")
    raw = raw[raw.system.isin(SYSTEMS)]
    timings = pd.DataFrame(
        {
            "device": raw.system.map(SYSTEMS),
            "operation": raw.op_name.replace("alltoall", "all_to_all"),
            "devices": raw.num_gpus,
            "library": "nccl",
            "message_bytes": raw.message_size * np.where(raw.nccl_dtype == "half", 2, 1),
            "seconds": raw.latency / 1e3,
        }
    )
    made = fit_links(timings).set_index(["device", "operation", "devices"])
    shipped = {(row.device, row.operation, row.devices): row for row in load_collectives()}
    for key, row in made.iterrows():
        if shipped[key].library == "nccl":
            assert row.latency_us == pytest.approx(shipped[key].latency_us, rel=0.02)
            assert row.bandwidth_gb_per_s == pytest.approx(
                shipped[key].bandwidth_gb_per_s, rel=0.02
            )
    errors = [
        abs(collective_s(op, size, count, _without_shortcuts(fabric(name))) / seconds - 1)
        for name, op, count, size, seconds in timings.drop(columns="library").itertuples(
            index=False
        )
    ]
    assert np.median(errors) < 0.06
    assert np.quantile(errors, 0.9) < 0.25


def _without_shortcuts(joined: Fabric) -> Fabric:
    return Fabric(joined.device, joined.devices_per_node, joined.links)


@pytest.mark.parametrize(
    ("name", "devices", "published", "tolerance"),
    [
        ("H200", 8, H200_NODE, 0.20),
        ("A100", 8, A100_NODE, 0.08),
        ("B200", 32, B200_FOUR_NODES, 0.35),  # the constants between nodes are from these
    ],
)
def test_other_peoples_timings(name, devices, published, tolerance):
    """Bus bandwidth is 2·(n − 1)/n of the payload over the time."""
    joined = _with_network(_without_shortcuts(fabric(name)), 50e9)
    for payload, gb_per_s in published.items():
        seconds = payload * 2 * (devices - 1) / devices / (gb_per_s * 1e9)
        assert collective_s("all_reduce", payload, devices, joined) == pytest.approx(
            seconds, rel=tolerance
        )


def _with_network(joined: Fabric, rate: float) -> Fabric:
    return Fabric(joined.device, 8, joined.links, network_bytes_per_s=rate)


def test_short_all_reduces_take_the_engines_kernel():
    """NCCL takes at least 6.0, 9.4, 16.0 µs at 2, 4, 8 GPUs; vLLM's kernel less than 6."""
    joined = fabric("H200")
    for devices, floor_us in ((2, 6.0), (4, 9.4), (8, 16.0)):
        slow = collective_s("all_reduce", 1024, devices, _without_shortcuts(joined))
        assert slow * 1e6 == pytest.approx(floor_us, rel=0.1)
        assert collective_s("all_reduce", 1024, devices, joined) < 6e-6


def test_unknown_devices_take_the_nearest_link_and_say_so():
    card = fabric("RTX 4090")
    assert "RTX PRO 6000 Server" in card.note
    assert fabric("A100 SXM 40GB").note == "collectives as on A100 SXM 80GB, scaled by link rate"
    assert fabric("H100").note is None
    slower = collective_s("all_reduce", GIB, 8, card)
    reference = collective_s("all_reduce", GIB, 8, fabric("RTX PRO 6000 Server"))
    assert slower == pytest.approx(2 * reference, rel=0.01)  # PCIe 4 against 5


def test_unknown_links_are_asked_for():
    lonely = Accelerator(
        name="Abacus",
        vendor="Ancient",
        architecture="Beads",
        bandwidth_gb_per_s=1,
        memory_gib=1,
        source="none",
        as_of="2026",
    )
    joined = fabric_of(lonely, known=CATALOG.accelerators)
    with pytest.raises(InputError, match="link_gb_per_s"):
        collective_s("all_reduce", 1e6, 2, _with_network(joined, 1e9))
    with pytest.raises(InputError, match="network_gb_per_s"):
        collective_s("all_reduce", 1e6, 16, joined)
    with pytest.raises(InputError, match="network_gb_per_s"):
        point_to_point_s(1e6, joined, same_node=False)
    assert collective_s("all_reduce", 1e6, 1, joined) == 0
    # One device a node needs no link.
    assert collective_s("all_reduce", 1e6, 4, _with_network(joined, 1e9), per_node=1) > 1.5e-3


@given(
    st.sampled_from(OPERATIONS),
    st.floats(1, 1e10),
    st.integers(2, 4096),
    st.sampled_from(["H100", "A100", "B200", "GB200", "L40S"]),
)
def test_laws(operation, message, devices, name):
    joined = fabric(name)
    seconds = collective_s(operation, message, devices, joined)
    assert seconds > 0
    assert collective_s(operation, 2 * message, devices, joined) >= seconds
    nodes = -(-devices // joined.devices_per_node) * joined.devices_per_node
    if nodes > joined.devices_per_node:  # more nodes are never faster
        more = collective_s(operation, message, 2 * nodes, joined)
        assert more >= collective_s(operation, message, nodes, joined) * (1 - 1e-9)


def test_neighbours_are_reached_at_link_speed():
    joined = fabric("H100")
    assert 1e9 / point_to_point_s(1e9, joined) == pytest.approx(284.97e9, rel=0.1)
    across = 1e9 / point_to_point_s(1e9, joined, same_node=False)
    assert 0.8 * 50e9 < across < 50e9
    odd = collective_s("all_reduce", 1e9, 6, joined)
    sides = [collective_s("all_reduce", 1e9, count, joined) for count in (4, 8)]
    assert min(sides) <= odd * 1.2
    assert odd <= max(sides) * 1.2
