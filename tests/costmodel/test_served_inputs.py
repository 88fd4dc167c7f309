"""From real shapes of results to a plan, where the folder of inputs stands beside the project."""

from pathlib import Path

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told

FOLDER = next(
    (at for up in Path(__file__).parents if (at := up / "shared" / "inputs").is_dir()), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOLDER is None, reason="no folder of inputs here"),
]


def analysis(plan, *names):
    told = Told(device="H100 SXM 80GB")
    records = [record for name in names for record in read_foreign(FOLDER / name, told)]
    return evaluate(scenarios.load(FOLDER / plan), measurements=records, trials=100)


@pytest.mark.parametrize("plan", ["served.yaml", "servedp.yaml"])
def test_a_run_held_to_a_request_a_second_changes_no_figure(plan):
    plain, with_it = analysis(plan), analysis(plan, "vllm_rate_limited.json")
    assert with_it.indicators == plain.indicators
    assert not with_it.measurements


def test_a_saturated_run_decides_and_is_cited():
    found = analysis("served.yaml", "vllm_saturated.json", "vllm_rate_limited.json")
    (cited,) = found.measurements
    assert (cited.kind, round(cited.throughput_per_s)) == ("serve", 5374)
    assert found.indicators == analysis("served.yaml", "vllm_saturated.json").indicators
    assert found.indicators != analysis("served.yaml").indicators
