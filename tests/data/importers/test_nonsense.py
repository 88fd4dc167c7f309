"""Whatever stands in a file's fields, it is read or refused; nothing else is raised."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.judging import judged_all
from tests.data.importers import results
from tests.data.importers.test_served import CONCURRENT, TOLD
from tests.data.importers.test_versions import AGENTS, LLMPERF, NESTED

SETTINGS = {
    "kv_cache_dtype": "fp8", "accept_length": 3.1, "spec_decode_acceptance_rate": 70.0,
    "spec_decode_num_drafts": 1000, "spec_decode_draft_tokens": 3000,
    "spec_decode_accepted_tokens": 2100, "vllm_args": ["--kv-cache-dtype", "fp8"],
    "server_info": {"speculative_algorithm": "EAGLE3", "speculative_num_draft_tokens": 4,
                    "internal_states": [{"avg_spec_accept_length": 3.1}]},
    "speculative_config": {"method": "mtp", "num_speculative_tokens": 3},
}  # fmt: skip
DOCUMENTS = [
    results.VLLM, results.SGLANG, results.INFERENCEX_POINT, results.LLAMA, results.AIPERF,
    results.guidellm(CONCURRENT), results.inference_perf({"requested_rate": 10.0}),
    results.BENCHMARKER, results.TRTLLM, results.OPTIMUM, results.LM_EVALUATION, AGENTS, NESTED,
    LLMPERF, results.VLLM | SETTINGS, results.LLAMA | {"type_k": "q8_0", "n_cpu_moe": 2},
]  # fmt: skip
NONSENSE = [
    None, -1, 0, 1e30, float("nan"), float("inf"), "", "x", "-5", True, [], {}, [1], {"a": 1},
    10**40, "9" * 5000, 1e-300, "\x1b[31m", {"unit": 5, "avg": "x"},
]  # fmt: skip


def places(found, path=()):
    """Paths of all fields."""
    inner = found.items() if isinstance(found, dict) else enumerate(found[:2])
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


EVERY = [(index, path) for index, one in enumerate(DOCUMENTS) for path in places(one)]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(EVERY), st.sampled_from(NONSENSE))
def test_nonsense_is_read_or_refused(tmp_path_factory, place, nonsense):
    index, path = place
    document = copy.deepcopy(DOCUMENTS[index])
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = nonsense
    file = tmp_path_factory.getbasetemp() / "nonsense.json"
    file.write_text(json.dumps(document))
    try:
        judged_all(read_foreign(file, TOLD))
    except InputError as error:
        assert len(str(error).splitlines()) == 2  # noqa: PT017 - not every case is refused


def test_a_terminal_is_not_disturbed(tmp_path):
    run = {**results.VLLM, "model_id": "a\x1b[31mb\n", "completed": 401}
    with pytest.raises(InputError) as error:
        read_foreign(results.written(tmp_path, run), TOLD)
    assert "\x1b" not in str(error.value)
