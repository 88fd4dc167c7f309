"""Absurd values are refused before anything is built from them, in two lines and little memory."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest

from modelworth.costmodel.architecture.keys import NotReadError
from modelworth.costmodel.architecture.plausible import require_plausible
from modelworth.costmodel.architecture.read import knows, read_model
from modelworth.data.errors import InputError

LLAMA = {
    **{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "vocab_size": 100},
    **{"num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-6},
}
ROPE = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
READ_BYTES = 32 << 20
BUILT_BYTES = 256 << 20
LEAST_SHARE = 0.9
"""Of refusals that need no class."""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("rope_theta", value) for value in (-1, 0, "abc", ["a"], {}, 10**400, math.nan)],
        *[("rope_scaling", value) for value in (5, "abc", [1], {**ROPE, "rope_type": "spiral"})],
        *[("rope_scaling", {**ROPE, "factor": value}) for value in (0, -8, "x", {}, True)],
        *[
            ("rope_parameters", {"full_attention": {**ROPE, "rope_type": value}})
            for value in (5, {})
        ],
        *[("torch_dtype", value) for value in ("nonsense", [], 5, "x" * 10**5)],
        *[("architectures", 5), ("id2label", "abc"), ("is_encoder_decoder", "yes")],
        *[("attention_dropout", 1.5), ("initializer_range", -5), ("rms_norm_eps", math.inf)],
        *[("head_dim", 7), ("pad_token_id", 10**8)],
        *[("some_key", 10**400), ("model_type", "x" * 10**5), ("hidden_act", "nonsense")],
    ],
)
def test_an_absurd_value_is_refused_by_the_config_alone(key, value):
    with pytest.raises(InputError) as caught:
        require_plausible({**LLAMA, key: value})
    assert len(str(caught.value).splitlines()) <= 2
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("key", "said", "allowed"),
    [
        ("rope_scaling", {"factor": 0}, "factor: 0\n  must be a number above 0"),
        ("rope_scaling", {"beta_fast": -1}, "beta_fast: -1\n  must be a number, 0 or more"),
        ("rope_parameters", {"rope_type": "ntk"}, "rope_type: ntk\n  must be one of"),
    ],
)
def test_a_refusal_of_positions_names_the_key_and_what_it_takes(key, said, allowed):
    with pytest.raises(InputError) as caught:
        require_plausible({**LLAMA, key: {**ROPE, **said}})
    assert f"config: {key}.{allowed}" in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        {"rope_scaling": ROPE, "rope_theta": 500000, "torch_dtype": "torch.bfloat16"},
        {"rope_parameters": {"full_attention": ROPE, "sliding_attention": {"rope_theta": 1e4}}},
        {"rope_scaling": {"type": "yarn", "factor": 40, "mscale": 0, "beta_fast": None}},
        {"rope_scaling": None, "dtype": None, "attention_dropout": 0, "initializer_range": 1},
        {"rope_theta": [1e4, 2e4], "rope_parameters": {"rope_theta": None}},
        {"model_type": "of_its_own", "rope_scaling": {"rope_type": "its own", "factor": None}},
        {"time_step_limit": [0.0, math.inf], "id2label": {0: "a"}, "pad_token_id": -1},
    ],
)
def test_what_configs_do_say_is_taken(said):
    require_plausible({**LLAMA, **said})


def _absurd(value):
    """What a key is set to: of the wrong kind, negative, huge, missing."""
    if isinstance(value, bool):
        return ["yes", 3, [], {}]
    if isinstance(value, int | float):
        return [-5, 0, 10**7, 10**12, 10**400, "abc", [], [1, 2], {}, math.nan, math.inf]
    if isinstance(value, list):
        return ["x", value * 300, [-1] * len(value), [10**9] * len(value), 5, {}]
    if isinstance(value, dict):
        return ["abc", -3, 10**12, [], 0]
    return [5, [], {}, "x" * 10**5]


def _paths(config, path=()):
    """Each key of a config and its parts, with its value."""
    for key, value in config.items():
        yield (*path, key), value
        if isinstance(value, dict):
            yield from _paths(value, (*path, key))


def _tried(config):
    """How far a config goes, and the most bytes that were held on the way."""
    from modelworth.bench.models.inspect_build import build_bare

    tracemalloc.start()
    stage, peak, said = "early", 0, ""
    try:
        require_plausible(config)
        try:
            if knows(config):
                assert read_model(config).parameters <= 10**14
        except NotReadError:
            pass
        peak, stage = tracemalloc.get_traced_memory()[1], "late"
        assert peak < READ_BYTES
        build_bare(config, "it")
        stage = "taken"
    except InputError as error:
        said = str(error)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(said.splitlines()) <= 2
    if "library" in said:
        stage = "lacks a library"
    assert most < (READ_BYTES if stage == "early" else BUILT_BYTES), stage
    return stage


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_perturbed_configs_of_all_types_are_refused_early(seed):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from docs.model_rows import default_config, types
    from tests.costmodel.perturbed import shrunk, with_value

    read_model(LLAMA)  # whose tables are read once
    rng, found, known = np.random.default_rng(seed), Counter(), types()
    for kind in rng.choice(known, 50, replace=False):
        config = default_config(str(kind))
        if config is None:
            continue
        config = json.loads(json.dumps(shrunk(config, 2), default=str))
        paths = list(_paths(config))
        for at in rng.choice(len(paths), min(5, len(paths)), replace=False):
            path, value = paths[at]
            absurd = _absurd(value)
            found[_tried(with_value(config, path, absurd[rng.integers(len(absurd))]))] += 1
    assert found["early"] > 80
    assert found["early"] / (found["early"] + found["late"]) > LEAST_SHARE, found
