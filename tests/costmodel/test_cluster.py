"""Trials on a real cluster of two worker processes: the same to the last bit as here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from modelworth.costmodel.risk import cluster as module
from modelworth.costmodel.risk.cluster import cluster
from modelworth.costmodel.risk.comparison import OptionIndicators
from modelworth.costmodel.risk.simulation import CHUNK, ModelIndicators, simulate
from modelworth.costmodel.scenario.distributions import LogNormal, Pert
from modelworth.costmodel.scenario.options import default_options
from modelworth.costmodel.scenario.sampling_plan import plan
from modelworth.data.errors import InputError, ModelworthError

KEYS = ("npv_usd", "irr_per_year", "payback_months", "usd_per_accepted_result")
PLAN = plan(
    {
        "demand.requests_per_month": LogNormal(3e7, 0.6),
        "compute.rent_on_demand_usd_per_gpu_hour": Pert(1.5, 2.5, 5),
    },
    correlations=(("demand.requests_per_month", "compute.rent_on_demand_usd_per_gpu_hour", 0.3),),
    trials=2 * CHUNK + 100,
    seed=0,
)


pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler on this machine with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
        host="127.0.0.1", silence_logs=50,
    ) as local:  # fmt: skip
        yield local.scheduler_address


@pytest.mark.slow
def test_the_cluster_computes_what_this_machine_computes(address):
    run = ModelIndicators(24, {"building.method": 2.0}, KEYS)
    with ThreadPoolExecutor(2) as threads:
        here = simulate(run, PLAN, executor=threads)
    told: list[int] = []
    with cluster(address) as executor:
        there = simulate(run, PLAN, executor=executor, progress=lambda done, _: told.append(done))
    for key in KEYS:
        assert np.array_equal(here.indicators[key], there.indicators[key], equal_nan=True)
    for key in PLAN.keys:
        assert np.array_equal(here.drivers[key], there.drivers[key])
    assert told[-1] == PLAN.trials


@pytest.mark.slow
def test_options_travel_too(address):
    run = OptionIndicators(12, {}, tuple(default_options().values()))
    here = simulate(run, PLAN)
    with cluster(address) as executor:
        there = simulate(run, PLAN, executor=executor)
    for key, row in here.indicators.items():
        assert np.array_equal(row, there.indicators[key], equal_nan=True)


@pytest.mark.slow
def test_a_worker_of_another_version_is_refused(address, monkeypatch):
    monkeypatch.setattr(module, "version", lambda name: "0.0.0")
    with pytest.raises(ModelworthError, match="another version"), cluster(address):
        pass


def test_an_empty_cluster_is_refused():
    with pytest.raises(ModelworthError, match="no workers"):
        module._require_workers("tcp://here:1", {})


def test_nobody_there_is_said_in_two_lines(monkeypatch):
    monkeypatch.setattr(module, "CONNECT_S", 1)
    nobody = cluster("tcp://127.0.0.1:9")
    with pytest.raises(ModelworthError, match="no scheduler answers") as failed, nobody:
        pass
    assert len(str(failed.value).splitlines()) == 2


@pytest.mark.parametrize("wrong", ["10.0.0.5:8786", "http://example.org", "tcp://", ""])
def test_an_address_that_is_no_schedulers_is_refused(wrong):
    with pytest.raises(InputError, match="tcp://"), cluster(wrong):
        pass
