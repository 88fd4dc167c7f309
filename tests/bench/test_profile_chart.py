"""Profiles of a step, and a sweep as bars."""

from __future__ import annotations

import json

import pytest

from modelworth.bench.run import result_chart
from modelworth.data.measurement import Workload
from tests.bench.test_record import kept, seen

torch = pytest.importorskip("torch")

from modelworth.bench.timing import profile  # noqa: E402
from tests.bench import stub  # noqa: E402


def test_a_profile_is_a_trace_and_a_table(tmp_path):
    work = stub.prepare(stub.case(), torch.device("cpu"))
    profile.write(work, torch.device("cpu"), tmp_path / "new" / "add")
    trace = json.loads((tmp_path / "new" / "add.json").read_text())
    assert sum(one.get("name") == "aten::add" for one in trace["traceEvents"]) == profile.STEPS
    table = (tmp_path / "new" / "add.md").read_text()
    assert "| 1 | `aten::add` |" in table


def test_shares_of_kernels_by_hand():
    spent = [profile.Spent("b|c", 1.0, 3), profile.Spent("a", 3.0, 6), profile.Spent("idle", 0, 1)]
    table = profile.table("t", spent, 2).splitlines()
    assert table[2] == "3 steps, 4000.00 ms in 2 kernels; the host waited for the device 2 times."
    assert table[6:] == ["| 75.0% | 1000.000 | 2 | `a` |", "| 25.0% | 333.333 | 1 | `b¦c` |"]


@pytest.mark.parametrize(
    ("share", "drawn"), [(1.0, "█" * 8), (0.5, "████"), (1 / 64, "▏"), (0.0, "")]
)
def test_bars_are_as_long_as_their_share(share, drawn):
    assert result_chart.bar(share, 8) == drawn


def test_a_sweep_is_a_bar_for_each_case():
    def one(batch, precision, step_s):
        workload = Workload(kind="pretrain", batch=batch, prompt_tokens=25, precision=precision)
        return kept(seen(workload=workload, samples_s=(step_s,) * 20, model_flops_per_step=1e6))

    lines = result_chart.chart([one(1, "float32", 0.1), one(2, "bfloat16", 0.05)]).splitlines()
    assert lines[0] == "stub pretrain, tokens/s"
    assert lines[1] == f"  batch 1, fp32  {'█' * 20} 250"
    assert lines[2] == f"  batch 2, bf16  {'█' * 40} 500"
    assert result_chart.chart([one(1, "float32", 0.1)]) == ""
