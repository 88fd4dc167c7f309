"""Nemotron-NAS, whose class no package has: its parameters held to products built from its words.

The rules are those of the configuration_decilm.py and modeling_decilm.py of the checkpoints.
"""

from __future__ import annotations

from math import prod
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.architecture.read import read_model

ATTENTION = st.sampled_from([
    {"n_heads_in_group": 1}, {"n_heads_in_group": 4, "window_length": 64}, {"no_op": True},
    {"replace_with_linear": True}, {"n_heads_in_group": None, "no_op": True},
])  # fmt: skip
NETWORK = st.sampled_from([
    {"ffn_mult": 1.3125}, {"ffn_mult": 5.25}, {"ffn_mult": 1}, {"no_op": True},
    {"replace_with_linear": True}, {"ffn_mult": None, "no_op": True},
])  # fmt: skip
BLOCK = st.fixed_dictionaries({"attention": ATTENTION, "ffn": NETWORK})
SIZES = st.fixed_dictionaries(
    {"hidden_size": st.sampled_from([128, 192]), "num_attention_heads": st.sampled_from([4, 8])},
    optional={"tie_word_embeddings": st.booleans(), "head_dim": st.just(40)}
    | {key: st.booleans() for key in ("attention_bias", "mlp_bias")},
)


def shapes(config: dict[str, Any], block: dict[str, Any]) -> list[tuple[tuple[int, int], bool]]:
    """The matrices of a block, each with whether a bias follows it."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    each = config.get("head_dim", hidden // heads)
    mixer, network = block["attention"], block["ffn"]
    found: list[tuple[tuple[int, int], bool]] = []
    if mixer.get("replace_with_linear"):
        found.append(((hidden, hidden), False))
    elif not mixer.get("no_op"):
        keys = heads // mixer["n_heads_in_group"] * each
        wide = [(hidden, heads * each), (hidden, keys), (hidden, keys), (heads * each, hidden)]
        found += [(shape, config.get("attention_bias", False)) for shape in wide]
    if network.get("replace_with_linear"):
        found.append(((hidden, hidden), False))
    elif not network.get("no_op"):
        inner = int(2 * network["ffn_mult"] * hidden / 3)
        inner += -inner % 256
        wide = [(hidden, inner), (hidden, inner), (inner, hidden)]
        found += [(shape, config.get("mlp_bias", False)) for shape in wide]
    return found


@settings(max_examples=120)
@given(SIZES, st.lists(BLOCK, min_size=1, max_size=5))
def test_each_layer_of_nemotron_nas_is_as_its_block_says(sizes, blocks):
    config = sizes | {"model_type": "nemotron-nas", "vocab_size": 500, "block_configs": blocks}
    config["num_hidden_layers"] = len(blocks)
    hidden = sizes["hidden_size"]
    norms = sum(not part.get("no_op") for block in blocks for part in block.values())
    tables = 1 if sizes.get("tie_word_embeddings") else 2
    matrices = [each for block in blocks for each in shapes(config, block)]
    expected = sum(prod(shape) + shape[1] * biased for shape, biased in matrices)
    expected += 500 * hidden * tables + (norms + 1) * hidden
    assert read_model(config).parameters == expected
