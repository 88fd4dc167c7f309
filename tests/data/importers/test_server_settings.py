"""How a server cached and guessed ahead, wherever a tool or a harness wrote it."""

import json

import pytest

from modelworth.data.errors import InputError
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.server_settings import cache_format, server_settings
from modelworth.data.importers.told import Told
from modelworth.data.record_text import parse, serialise
from modelworth.data.serving import Drafting
from tests.data.importers import results
from tests.data.importers.test_served import TOLD

EAGLE = Drafting(method="EAGLE3", drafted=3, acceptance=0.7, tokens_per_pass=3.1)
COMMAND = (
    "vllm serve meta-llama/Llama-3.1-8B --kv-cache-dtype fp8_e4m3 --max-model-len 8192 "
    """--speculative-config '{"method": "eagle3", "model": "a/b", "num_speculative_tokens": 3}'"""
)


@pytest.mark.parametrize(
    ("content", "cached", "drafting"),
    [
        ({"server_info": {"kv_cache_dtype": "fp8_e5m2", "speculative_algorithm": None}}, "fp8",
         None),
        ({"server_info": {"kv_cache_dtype": "auto"}, "accept_length": None}, None, None),
        (
            {"accept_length": 3.1, "server_info": {"speculative_algorithm": "EAGLE3",
             "speculative_num_steps": 3, "speculative_num_draft_tokens": 4}}, None, EAGLE,
        ),
        (
            {"server_info": {"speculative_algorithm": "EAGLE3", "speculative_num_steps": 3,
             "internal_states": [{"avg_spec_accept_length": 3.1}]}}, None, EAGLE,
        ),
        (
            {"spec_decode_acceptance_rate": 70.0, "spec_decode_acceptance_length": 3.1,
             "spec_decode_num_drafts": 1000, "spec_decode_draft_tokens": 3000,
             "spec_decode_accepted_tokens": 2100}, None,
            EAGLE.model_copy(update={"method": None}),
        ),
        ({"serve_command": COMMAND}, "fp8", Drafting(method="eagle3", drafted=3)),
        ({"serve": {"speculative_config": '{"method": "mtp", "num_speculative_tokens": 1}'}}, None,
         Drafting(method="mtp", drafted=1)),
        ({"engine": {"kv_cache_dtype": "FP8"}, "decoding_stats": {
            "mode": "Eagle3", "num_draft_tokens_percentiles": {"average": 3.0},
            "acceptance_length_percentiles": {"average": 2.5, "p50": 2.4}}}, "fp8",
         Drafting(method="Eagle3", tokens_per_pass=2.5)),
        ({"spec_decode_acceptance_length": {"unit": "ratio", "avg": 2.5}}, None,
         Drafting(tokens_per_pass=2.5)),
        ({"spec_decoding": "mtp", "num_speculative_tokens": 6}, None,
         Drafting(method="mtp", drafted=6)),
        ({"spec_decoding": "none", "num_speculative_tokens": 6}, None, None),
        ({"mtp": "off"}, None, None), ({"mtp": "on"}, None, Drafting(method="mtp")),
        ({"args": "-ctk q8_0 -ctv q4_0"}, "q8_0/q4_0", None),
        ([{"metrics": {}}, {"metrics": {}}], None, None), ("Metric,avg\n", None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_it_is_found_wherever_it_stands(content, cached, drafting):
    found = server_settings(content)
    assert found[0] == cached
    if drafting is None or found[1] is None:
        assert found[1] == drafting
    else:
        assert found[1].model_dump() == pytest.approx(drafting.model_dump())


@pytest.mark.parametrize(
    ("keys", "values", "word"),
    [
        ("torch.bfloat16", None, "bf16"), ("f16", "f16", "fp16"), ("q8_0", "q8_0", "q8_0"),
        ("fp8_ds_mla", None, "fp8"), ("", None, None), (None, "q4_0", None), (7, None, None),
    ],
)  # fmt: skip
def test_formats_of_the_cache_in_one_word(keys, values, word):
    assert cache_format(keys, values) == word


def test_a_record_keeps_it_through_its_text_and_old_ones_have_none(tmp_path):
    run = results.SGLANG | {"accept_length": 3.1}
    run["server_info"] |= {"kv_cache_dtype": "fp8_e4m3", "speculative_algorithm": "EAGLE3"}
    (record,) = read_foreign(results.written(tmp_path, run), TOLD)
    assert record.workload.cache_format == "fp8"
    assert record.workload.drafting == Drafting(method="EAGLE3", tokens_per_pass=3.1)
    assert parse(serialise(record)) == record
    (old,) = read_foreign(results.written(tmp_path, results.VLLM), TOLD)
    assert not {"cache_format", "drafting"} & set(json.loads(serialise(old))["workload"])


def test_what_the_person_says_goes_first(tmp_path):
    said = Drafting(drafted=2, acceptance=0.5, tokens_per_pass=2.0)
    told = Told(**{name: getattr(TOLD, name) for name in ("device", "date")},
                cache_format="int8", drafting=said)  # fmt: skip
    (record,) = read_foreign(results.written(tmp_path, results.VLLM), told)
    assert (record.workload.cache_format, record.workload.drafting) == ("int8", said)


def test_a_figure_that_cannot_be_is_refused_by_its_name(tmp_path):
    run = results.VLLM | {"num_speculative_tokens": 10**6}
    with pytest.raises(InputError, match="drafted"):
        read_foreign(results.written(tmp_path, run), TOLD)
