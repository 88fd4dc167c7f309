"""Memory of a step on the processor, against tensors whose sizes are known."""

from __future__ import annotations

import gc
import resource

import pytest
import torch

from modelworth.bench.run import session as machines
from modelworth.bench.timing import ceilings
from modelworth.bench.timing import peak_memory as memory
from modelworth.bench.work.task import Work
from modelworth.data.measurement import Ceilings, Model

MODEL = Model(name="stub", family="decoder")
MEBI = 2**20


@pytest.fixture(autouse=True)
def _nothing_left_of_other_tests():
    """What an earlier test left in circles would be released in the middle of a count."""
    gc.collect()


def work(step, **parts) -> Work:
    return Work(step=step, unit="tokens", work_per_step=1, model=MODEL, **parts)


def test_the_peak_of_a_step_is_what_it_holds_at_once():
    """8 MiB, then 4 MiB more beside it; the 2 MiB after both are gone don't count."""

    def step() -> None:
        first = torch.empty(8 * MEBI, dtype=torch.uint8)
        second = torch.empty(4 * MEBI, dtype=torch.uint8)
        del first, second
        torch.empty(2 * MEBI, dtype=torch.uint8)

    assert memory._peak_and_rest(step) == (12 * MEBI, 0)


def test_a_training_step_by_its_parts():
    """Weights, gradients and two moments of a 1024² layer: 4 MiB each."""
    layer = torch.nn.Linear(1024, 1024, bias=False)
    optimizer = torch.optim.AdamW(layer.parameters())
    batch = torch.ones(2048, 1024)

    def step() -> None:
        layer(batch).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    size = 4 * MEBI
    before = memory.live_bytes()
    parts = {"weights_bytes": size, "gradients_bytes": size, "optimizer_bytes": 2 * size}
    found = memory.measure(work(step, **parts), torch.device("cpu"))
    assert memory.live_bytes() == before
    # The layer's output is kept for its square, which is as large; the gradient of it comes last.
    assert found.allocated_peak_bytes - before >= 2 * 8 * MEBI
    rest = found.allocated_peak_bytes - 4 * size
    assert found.activations_bytes == rest
    assert found.host_peak_bytes > found.allocated_peak_bytes
    assert (found.reserved_peak_bytes, found.allocator_retries) == (None, None)


def test_each_phase_has_its_peak_over_what_earlier_ones_left():
    """8 MiB stay after the first phase; the second needs 4 MiB beside them, the third none."""
    kept = []
    phases = (
        ("first", lambda: kept.append(torch.empty(8 * MEBI, dtype=torch.uint8))),
        ("second", lambda: torch.empty(4 * MEBI, dtype=torch.uint8)),
        ("third", kept.clear),
    )
    before = memory.live_bytes()
    found = memory.measure(work(lambda: None, phases=phases), torch.device("cpu"))
    above = {name: peak - before for name, peak in found.phase_peak_bytes.items()}
    assert above == {"first": 8 * MEBI, "second": 12 * MEBI, "third": 8 * MEBI}
    assert found.allocated_peak_bytes == before + 12 * MEBI


def test_reset_comes_before_each_step():
    calls = []
    stub = work(lambda: calls.append("step"), reset=lambda: calls.append("reset"))
    memory._processor_peaks(stub)
    assert calls == ["reset", "step"]


def test_a_compilers_fakes_take_no_memory():
    from torch._subclasses.fake_tensor import FakeTensorMode

    before = memory.live_bytes()
    with FakeTensorMode():
        fake = torch.empty(MEBI)
    assert memory.live_bytes() == before
    assert fake.numel() == MEBI


def test_shared_storage_counts_once():
    whole = torch.zeros(MEBI, dtype=torch.uint8)
    assert memory.unique_bytes([whole, whole[10:], torch.zeros(10, dtype=torch.uint8)]) == MEBI + 10


def test_memory_limits(monkeypatch):
    set_to = []
    monkeypatch.setattr(memory.resource, "setrlimit", lambda *given: set_to.append(given))
    monkeypatch.setattr(memory.resource, "getrlimit", lambda _: (-1, resource.RLIM_INFINITY))
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    monkeypatch.setattr(memory, "_status_bytes", lambda _: 50)
    memory.limit_host_memory(share=0.5)
    assert set_to == [(resource.RLIMIT_DATA, (550, resource.RLIM_INFINITY))]
    monkeypatch.setattr(memory, "_status_bytes", lambda _: None)
    memory.limit_host_memory()
    assert len(set_to) == 1


def test_a_container_has_less(monkeypatch):
    limits = {"/sys/fs/cgroup/memory.max": 3000, "/sys/fs/cgroup/memory.current": 1000}
    monkeypatch.setattr(memory, "_cgroup_bytes", limits.get)
    assert memory.available_bytes() == 2000
    monkeypatch.setattr(memory, "_cgroup_bytes", lambda _: None)
    assert memory.available_bytes() > 2000


def test_ceilings_are_measured(monkeypatch):
    """Small buffers here: that it measures, not how much."""
    monkeypatch.setitem(ceilings.MATMUL_SIZES, "cpu", (128,))
    monkeypatch.setitem(ceilings.COPY_BYTES, "cpu", 2**20)
    found = ceilings.probe(torch.device("cpu"), "float32", budget_s=0.01)
    assert found.matmul_flops_per_s > 1e8
    assert found.copy_bytes_per_s > 1e7
    assert found.read_bytes_per_s > 1e7
    assert found.collective_bytes_per_s is None


@pytest.mark.parametrize(("precision", "setting"), [("tf32", "high"), ("float32", "highest")])
def test_tf32_only_where_it_is_asked_for(precision, setting):
    ceilings.set_matmul_precision(precision)
    assert torch.get_float32_matmul_precision() == setting
    ceilings.set_matmul_precision("float32")


def test_the_higher_ceiling_counts():
    one = Ceilings(matmul_flops_per_s=1.0, copy_bytes_per_s=5.0)
    other = Ceilings(matmul_flops_per_s=2.0, read_bytes_per_s=3.0)
    assert machines.higher(one, other) == Ceilings(
        matmul_flops_per_s=2.0, copy_bytes_per_s=5.0, read_bytes_per_s=3.0
    )


def test_a_graphs_pool_counts_though_nothing_of_it_is_allocated(monkeypatch):
    """1,000 bytes allocated, 5,000 reserved: under a captured graph the peak is 5,000."""
    for name in ("empty_cache", "synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 1000)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: 5000)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda _: {})
    cases = ((False, None, 1000), (True, None, 5000), (False, "reduce-overhead", 5000),
             (False, "max-autotune-no-cudagraphs", 1000))  # fmt: skip
    for graphs, mode, peak in cases:
        one = work(lambda: None, cuda_graphs=graphs, compile_mode=mode)
        used = memory.measure(one, torch.device("cuda"))
        assert (used.allocated_peak_bytes, used.reserved_peak_bytes) == (peak, 5000)
