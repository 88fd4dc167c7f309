"""Encoders of text: BERT and its kin by one table of departures, and ModernBERT.

Which head an encoder carries is read from the config's `architectures`: a masked-language head (the
default), a classifier on the first token, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelworth.costmodel.architecture.encoder_parts import (
    biased_attention,
    biased_network,
    labels_of,
)
from modelworth.costmodel.architecture.heads import named_class, refused
from modelworth.costmodel.architecture.keys import (
    Config,
    head_width,
    layer_count,
    optional,
    sized,
    switch,
    whole,
)
from modelworth.costmodel.architecture.structure import (
    Architecture,
    Attention,
    Block,
    FeedForward,
    Head,
)


@dataclass(frozen=True)
class Encoder:
    """How a family of encoders departs from BERT.

    Attributes:
        positions: whether there is a table of positions.
        types: rows for kinds of segments, unless the config says; None: there are never any.
        biased: whether products are followed by a bias.
        gated: whether the network has a gate.
        distances: whether there is a table of distances, one row for all heads.
        narrow: whether tokens are embedded in a width of their own.
    """

    positions: bool = True
    types: int | None = 2
    biased: bool = True
    gated: bool = False
    distances: bool = False
    narrow: bool = False


ENCODERS: dict[str, Encoder] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "distilbert"), Encoder()),
    **dict.fromkeys(
        ("data2vec-text", "ernie", "ibert", "megatron-bert", "xlm-roberta-xl"), Encoder()
    ),
    "electra": Encoder(narrow=True),
    "mpnet": Encoder(types=None, distances=True),
    "nomic_bert": Encoder(positions=False, biased=False, gated=True),
}
SEVERAL_HEADS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
"""Types whose classes for classification and without a head are read, too."""


def _bert(config: Config, name: str) -> Architecture:
    """BERT and its kin: an encoder, and mostly a table of positions."""
    hidden = whole(config, "hidden_size")
    heads, vocab = whole(config, "num_attention_heads"), whole(config, "vocab_size")
    kin = ENCODERS[config.get("model_type") or "bert"]
    width = sized(config, "head_dim") or head_width(hidden, heads)
    attention = biased_attention(hidden, heads, width, causal=False)
    network = biased_network(config, hidden, whole(config, "intermediate_size"))
    if not kin.biased:
        attention = replace(attention, vectors=0)
        network = replace(network, vectors=0, gated=kin.gated)
    block = Block(
        layer_count(config, "num_hidden_layers"), attention, network, norms=4 * hidden, norm="layer"
    )
    wide = whole(config, "embedding_size") if kin.narrow else hidden
    head = _encoder_head(config, hidden, vocab, wide)
    if wide != hidden:
        products = head.matmul_parameters + wide * hidden
        head = replace(head, matmul_parameters=products, vectors=head.vectors + hidden)
    buckets = sized(config, "relative_attention_num_buckets") or 32
    return Architecture(
        name=name,
        family="encoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(block,),
        embedding_parameters=_rows(config, kin) * wide + buckets * heads * kin.distances,
        head=head,
        final_norms=2 * wide,
    )


def _rows(config: Config, kin: Encoder) -> int:
    """Rows of the tables of tokens, positions, segments and tasks."""
    rows = whole(config, "vocab_size")
    if kin.positions:
        rows += whole(config, "max_position_embeddings")
    if kin.types is not None:
        types = optional(config, "type_vocab_size")
        rows += kin.types if types is None else types
    if switch(config, "use_task_id", False):
        rows += whole(config, "task_type_vocab_size")
    return rows


def _modernbert(config: Config, name: str) -> Architecture:
    """ModernBERT: rotary positions, gated networks, a window in two of three layers.

    The first layer has no norm before its attention. A window spares nothing here: transformers
    and the counters go over all pairs, and so does reading.
    """
    hidden, vocab = whole(config, "hidden_size"), whole(config, "vocab_size")
    heads, width = whole(config, "num_attention_heads"), whole(config, "intermediate_size")
    norm = hidden * (1 + switch(config, "norm_bias", False))
    each = head_width(hidden, heads)
    attention = Attention(hidden, heads, heads, each, each, causal=False)
    if switch(config, "attention_bias", False):
        attention = replace(attention, vectors=4 * hidden)
    bias = switch(config, "mlp_bias", False) * (2 * width + hidden)
    network = FeedForward(hidden, width, gated=True, activation="gelu", vectors=bias)
    layers = layer_count(config, "num_hidden_layers")
    first = Block(1, attention, network, norm, "layer", 1)
    rest = Block(layers - 1, attention, network, 2 * norm, "layer")
    built = named_class(config) or "ForMaskedLM"
    if not built.endswith("ForMaskedLM"):
        raise refused(built, "…ForMaskedLM")
    table = vocab * hidden
    shared = table if switch(config, "tie_word_embeddings", True) else 0
    vectors = norm + vocab * switch(config, "decoder_bias", True)
    vectors += hidden * switch(config, "classifier_bias", False)
    return Architecture(
        name=name,
        family="encoder",
        hidden=hidden,
        vocab=vocab,
        blocks=(first, rest) if layers > 1 else (first,),
        embedding_parameters=table,
        head=Head(hidden**2 + table, vocab, shared, vectors=vectors),
        final_norms=2 * norm,
    )


def _distilbert(config: Config, name: str) -> Architecture:
    """DistilBERT, in BERT's words."""
    return _bert(
        {
            "model_type": "distilbert",
            "architectures": config.get("architectures"),
            "tie_word_embeddings": config.get("tie_word_embeddings"),
            "num_labels": config.get("num_labels"),
            "hidden_size": whole(config, "dim"),
            "num_hidden_layers": whole(config, "n_layers"),
            "num_attention_heads": whole(config, "n_heads"),
            "intermediate_size": whole(config, "hidden_dim"),
            "max_position_embeddings": whole(config, "max_position_embeddings"),
            "vocab_size": whole(config, "vocab_size"),
            "type_vocab_size": 0,
        },
        name,
    )


def _encoder_head(config: Config, hidden: int, vocab: int, wide: int) -> Head:
    """A masked-language head of that width, a classifier on the first token, or a pooler."""
    built = named_class(config) or "ForMaskedLM"
    dense = hidden * wide
    if built.endswith("ForMaskedLM"):
        table = vocab * wide
        tied = switch(config, "tie_word_embeddings", True)
        once = tied or config.get("model_type") in ("electra", "distilbert")
        biases = 1 if once else 2  # one beside the table's
        return Head(dense + table, vocab, table * tied, vectors=3 * wide + biases * vocab)
    if config.get("model_type", "bert") not in SEVERAL_HEADS:
        raise refused(built, "…ForMaskedLM")
    if built.endswith("ForSequenceClassification"):
        labels = labels_of(config, 2)
        return Head(dense + hidden * labels, labels, vectors=hidden + labels, positions=1)
    if built.endswith("Model"):
        return Head(dense, hidden, vectors=hidden, positions=1)
    raise refused(built, "…ForMaskedLM, …ForSequenceClassification or …Model")


READERS: dict[str, Callable[[Config, str], Architecture]] = {
    **dict.fromkeys(ENCODERS, _bert),
    "distilbert": _distilbert,
    "modernbert": _modernbert,
}
