"""Quality beside speed: 3,376 questions in 844 s are 4 a second on two cards."""

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told
from modelworth.data.store import parse, serialise
from tests.data.importers.results import LM_EVALUATION, written
from tests.data.importers.test_served import TOLD


def test_scores_stand_beside_the_rate(tmp_path):
    (record,) = read_foreign(written(tmp_path, LM_EVALUATION), Told())
    assert record.result.throughput_per_s.value == pytest.approx(4.0)
    assert record.result.throughput_per_s_per_device == pytest.approx(2.0)
    assert (record.machine.device, record.machine.count) == ("A100 SXM 80GB", 2)
    assert (record.workload.precision, record.workload.engine) == ("float16", "vllm")
    assert record.workload.batch == 64
    strict, easy = record.result.quality
    assert (strict.task, strict.value, strict.standard_error) == ("gsm8k", 0.81, 0.011)
    assert (strict.samples, easy.metric, easy.standard_error) == (1000, "acc,none", None)
    assert parse(serialise(record)) == record


@pytest.mark.parametrize("spelled", ["tensor_parallel_size={},data_parallel_size={}",
                                     "tp_size={},dp_size={}"])  # fmt: skip
def test_copies_have_devices_of_their_own(tmp_path, spelled):
    """Two copies on two devices each are four: 4 questions a second are 1 a device."""
    arguments = "pretrained=org/some-model,dtype=float16," + spelled.format(2, 2)
    config = {**LM_EVALUATION["config"], "model_args": arguments}
    (record,) = read_foreign(written(tmp_path, {**LM_EVALUATION, "config": config}), Told())
    layout = record.workload.layout
    assert (record.machine.count, layout.tensor, layout.data) == (4, 2, 2)
    assert record.result.throughput_per_s_per_device == pytest.approx(1.0)


@pytest.mark.parametrize("missing", ["total_evaluation_time_seconds", "n-samples"])
def test_an_evaluation_without_its_time_or_size_is_refused(tmp_path, missing):
    document = {key: it for key, it in LM_EVALUATION.items() if key != missing}
    with pytest.raises(InputError, match=missing):
        read_foreign(written(tmp_path, document), TOLD)


def test_a_device_that_the_environment_does_not_name_is_asked_for(tmp_path):
    with pytest.raises(InputError, match="no device"):
        read_foreign(written(tmp_path, {**LM_EVALUATION, "pretty_env_info": "CPU only"}), Told())
