"""A table in, the same table with predictions out; which table it is, is read from its columns.

Measured columns are never read here, so a prediction can't see its answer. What a row lacks and
can't be guessed (a device, a size) is refused with the column's name; the other rows go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import pandas as pd

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture, Head
from modelworth.costmodel.prediction.case import (
    Case,
    Regime,
    precision_name,
)
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.refusal import spread
from modelworth.costmodel.prediction.software import has_trait, is_before, selective_share
from modelworth.costmodel.prediction.step.coefficients import Tables, shipped_rates
from modelworth.costmodel.prediction.training.published_runs import RUN_COLUMNS, predict_runs
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.words import Sharding

Table = Literal["training", "vision", "encoder", "serving"]
Row = Mapping[Any, Any]

REQUIRED: dict[Table, tuple[str, ...]] = {
    "serving": ("model", "gpu", "concurrency", "prompt_tokens", "new_tokens"),
    "vision": ("size", "patch", "image_size", "gpu"),
    "training": ("model", "gpu", "seq_len"),
    "encoder": ("model", "gpu", "batch", "sequence"),
}
MEASURED: dict[Table, tuple[str, ...]] = {
    "serving": ("output_tokens_per_s_per_gpu", "ttft_ms", "tpot_ms"),
    "vision": ("images_per_s",),
    "training": ("tokens_per_s_per_gpu", "mfu_percent"),
    "encoder": ("sequences_per_s",),
}
SHARDING: tuple[tuple[Sharding, str], ...] = (
    ("gradients", "shardgrad zero2 zero1 distributedoptimizer"),
    ("none", "noshard none ddp zero0 megatron"),
    ("full", "full fsdp hsdp hybrid zero3 zero shard"),
)
"""What is sharded, and the words for it; the first that a row's word contains."""
REGIMES: tuple[tuple[Regime, str], ...] = (
    ("queued", "offline queued throughput"),
    ("static", "static latency first-token"),
    ("closed", "closed served"),
)
"""How requests came, and the words for it that a row's words on its measurement contain."""
BARE = Tables(shipped_rates(), ())
VIT_SIZES = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "medium": (512, 12, 8, 2048),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "so400m": (1152, 27, 16, 4304),
    "so150m": (896, 18, 14, 2304),
    "huge": (1280, 32, 16, 5120),
    "giant": (1408, 40, 16, 6144),
    "gigantic": (1664, 48, 16, 8192),
}
"""Vision Transformers by size: hidden width, layers, heads, feed-forward width (timm's names)."""


class Reader:
    """Turns rows into cases; architectures and devices that come again are read once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._architectures: dict[tuple[Any, ...], Architecture] = {}
        self._accelerator = cache(catalog.accelerator)
        self._latent: dict[tuple[int, ...], Architecture] | None = None

    def case(self, table: Table, row: Row) -> Case:
        """The case of one row.

        Raises:
            InputError: if the row can't be understood, with its column.
        """
        read = {
            "training": self._training,
            "vision": self._vision,
            "encoder": self._encoder,
            "serving": self._serving,
        }
        return read[table](row)

    def _training(self, row: Row) -> Case:
        return Case(
            work="train",
            **self._common(row, "framework", "bf16", self._model(row)),
            **_degrees(row, "tensor", "pipeline", "expert", "context"),
            gpus=int(_number(row, "gpus", 1)),
            batch=_number(row, "micro_batch", 1),
            tokens=_number(row, "seq_len"),
            virtual=int(_number(row, "virtual_pipeline", 0)) or None,
            sharding=_sharding(row),
            global_batch=_optional(row, "global_batch"),
            recomputed=_recomputed(row),
            overlapped="async" in _text(row, "recipe", "").casefold(),
        )

    def _serving(self, row: Row) -> Case:
        cut = _degrees(row, "pipeline", "expert")
        stages = cut["pipeline"]
        tensor = int(_number(row, "tensor_parallel", _number(row, "gpus", 1) / stages))
        common = self._common(row, "engine", "bf16", self._model(row))
        kv = _text(row, "kv_precision", "")
        case = Case(
            work="serve",
            **common | cut,
            gpus=max(int(_number(row, "gpus", tensor * stages)), tensor * stages),
            tensor=tensor,
            batch=_number(row, "concurrency"),
            tokens=_number(row, "prompt_tokens"),
            new_tokens=_number(row, "new_tokens"),
            regime=_regime(row, common["software"]),
            kv_precision=precision_name(kv) if kv else None,
            max_sequences=_optional(row, "max_sequences"),
            memory_share=_number(row, "memory_share", 0.9, least=0.01),
            prefix_share=_number(row, "prefix_share", 0.0, least=0),
            attention_data=int(_number(row, "attention_data_parallel", 1)),
        )
        return spread(case, BARE)

    def _encoder(self, row: Row) -> Case:
        headless = replace(self._model(row), head=Head(0, 0))
        return Case(
            work="forward",
            **self._common(row, "software", "fp16", headless),
            batch=_number(row, "batch"),
            tokens=_number(row, "sequence"),
        )

    def _vision(self, row: Row) -> Case:
        architecture = self._vit(row)
        phase = _text(row, "phase", "forward")
        if phase not in ("forward", "infer", "train"):
            raise InputError("phase", phase, "forward or train")
        common = self._common(row, "framework", "amp", architecture)
        return Case(
            work="train" if phase == "train" else "forward",
            **{**common, "software": common["software"] or "timm"},
            batch=_number(row, "batch", 256),
            tokens=float(architecture.patches.tokens) if architecture.patches else 1.0,
        )

    def _common(
        self, row: Row, software: str, precision: str, architecture: Architecture
    ) -> dict[str, Any]:
        """What every row has: model, device, precision, software in its column."""
        return {
            "architecture": architecture,
            "accelerator": self._accelerator(_text(row, "gpu")),
            "precision": precision_name(_text(row, "precision", precision)),
            "software": _text(row, software, "") or None,
            "compiled": _truth(row, "compile"),
        }

    def _model(self, row: Row) -> Architecture:
        """The catalogue's model if the row's sizes are the same, else by the row's columns."""
        sizes = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "gated_mlp")
        key = (row.get("model"), *(row.get(c) for c in (*sizes, "experts", "experts_per_token")))
        if key not in self._architectures:
            self._architectures[key] = self._decoder_anew(row)
        return self._architectures[key]

    def _decoder_anew(self, row: Row) -> Architecture:
        known = self._known(_text(row, "model", "decoder"))
        if known is not None and all(
            _optional(row, size) in (None, getattr(known, size)) for size in ("layers", "hidden")
        ):
            return known
        untied = self._by_columns(row, tied=False)
        if (twin := self._twin(untied)) is not None:
            return twin
        stated = _optional(row, "params")
        if stated is None:
            return untied
        tied = self._by_columns(row, tied=True)
        return min((untied, tied), key=lambda one: abs(one.parameters - stated))

    def _by_columns(self, row: Row, *, tied: bool) -> Architecture:
        heads = int(_number(row, "heads"))
        return Architecture.from_columns(
            layers=int(_number(row, "layers")),
            hidden=int(_number(row, "hidden")),
            heads=heads,
            ffn=int(_number(row, "ffn")),
            vocab=int(_number(row, "vocab")),
            kv_heads=int(_number(row, "kv_heads", heads)),
            head_dim=int(head) if (head := _optional(row, "head_dim")) else None,
            gated_mlp=_truth(row, "gated_mlp", True),
            experts=int(_number(row, "experts", 0, least=0)),
            experts_per_token=int(_number(row, "experts_per_token", 0, least=0)),
            tied=tied,
            name=_text(row, "model", "decoder"),
        )

    def _known(self, name: str) -> Architecture | None:
        try:
            entry = self._catalog.model(name)
        except InputError:
            return None
        return read_model(entry.config, entry.name)

    def _twin(self, described: Architecture) -> Architecture | None:
        """A shipped model of the same sizes whose attention columns can't describe.

        Such as DeepSeek-R1, which is DeepSeek-V3 by another name.
        """
        if self._latent is None:
            read = (read_model(model.config, model.name) for model in self._catalog.models)
            latent = [one for one in read if one.blocks[0].attention.kv_rank is not None]
            self._latent = {_sizes(one): one for one in reversed(latent)}
        return self._latent.get(_sizes(described))

    def _vit(self, row: Row) -> Architecture:
        key = ("vit", *(row.get(c) for c in ("size", "patch", "image_size", "params_m", "gmacs")))
        if key not in self._architectures:
            hidden, layers, heads, ffn = VIT_SIZES.get(_text(row, "size")) or _vit_size(row)
            config = {
                "model_type": "vit",
                "hidden_size": hidden,
                "num_hidden_layers": layers,
                "num_attention_heads": heads,
                "intermediate_size": ffn,
                "image_size": int(_number(row, "image_size")),
                "patch_size": int(_number(row, "patch")),
                "num_channels": 3,
            }
            self._architectures[key] = read_model(config, _text(row, "model", "vit"))
        return self._architectures[key]


def predict_table(frame: pd.DataFrame, predictor: Predictor | None = None) -> pd.DataFrame:
    """The table with `predicted`, `low`, `high`, `basis` and `note` added.

    Raises:
        InputError: if the columns are those of no known table.
    """
    predictor = predictor or Predictor()
    if set(frame.columns) >= RUN_COLUMNS:
        return predict_runs(frame, predictor.catalog)
    table = table_of(frame.columns)
    reader = Reader(predictor.catalog)
    cases: dict[int, Case] = {}
    found: dict[int, Prediction] = {}
    unmeasured = frame.drop(columns=list(MEASURED[table]), errors="ignore")
    for place, row in enumerate(unmeasured.to_dict("records")):
        try:
            cases[place] = reader.case(table, row)
        except InputError as error:
            found[place] = Prediction.refused(error)
    predicted = predictor.predict_all(list(cases.values()), ran=True)
    found |= dict(zip(cases, predicted, strict=True))
    every = [found[place] for place in range(len(frame))]
    added: dict[str, list[Any]] = {
        name: [getattr(one, name) for one in every] for name in ("value", "low", "high", "basis")
    }
    added["note"] = [" ".join(one.note.split()) for one in every]
    if table == "serving":
        for name in ("ttft", "tpot"):
            seconds = [getattr(one, f"{name}_s") for one in every]
            added[f"predicted_{name}_ms"] = [one and one * 1e3 for one in seconds]
    columns = pd.DataFrame(added, index=frame.index).rename(columns={"value": "predicted"})
    return pd.concat([frame, columns.fillna({"basis": ""})], axis=1)


LARGEST = 1e15
"""More than any count in a table is: parameters of a thousand of today's largest models."""


def table_of(names: object) -> Table:
    """Which of the three tables has these columns.

    Raises:
        InputError: if none.
    """
    held = set(names)  # type: ignore[call-overload]
    for table, required in REQUIRED.items():
        if held >= set(required):
            return table
    wanted = "; or ".join(f"{table}: {', '.join(r)}" for table, r in REQUIRED.items())
    raise InputError("columns", ", ".join(sorted(map(str, held))), f"those of {wanted}")


def _vit_size(row: Row) -> tuple[int, int, int, int]:
    """Sizes of a Vision Transformer of another name, from its parameters and multiply-adds.

    Its layers hold 12·L·h² parameters in products and 13·L·h beside them; t tokens take the former
    times t and 2·L·h·t² multiply-adds. What isn't in layers depends on h, so it is found in rounds.
    """
    if _missing(row.get("params_m")) or _missing(row.get("gmacs")):
        sizes = ", ".join(VIT_SIZES)
        raise InputError("size", row.get("size"), f"one of {sizes}; or with params_m and gmacs")
    patch = _number(row, "patch")
    tokens = (_number(row, "image_size") // patch) ** 2 + 1
    parameters = _number(row, "params_m", least=0.01) * 1e6
    products = _number(row, "gmacs", least=0.001) * 1e9
    hidden, layers = 768.0, parameters / (12 * 768.0**2)
    for _ in range(50):
        outside = hidden * (1000 + 3 * patch**2 + tokens)
        inside = max(parameters - outside - 13 * layers * hidden, parameters / 10)
        pairs = products - hidden * 3 * patch**2 * (tokens - 1) - inside * tokens
        widths = min(max(pairs / (2 * tokens**2), 1000.0), 1e6)
        hidden = math.sqrt(hidden * min(max(inside / (12 * widths), 64.0), 8192.0))
        layers = inside / (12 * hidden**2)
    width = 64 * max(1, round(hidden / 64))
    return width, max(1, round(inside / (12 * width**2))), width // 64, 4 * width


def _degrees(row: Row, *names: str) -> dict[str, Any]:
    """Degrees of parallelism, 1 where the row says nothing."""
    return {name: int(_number(row, f"{name}_parallel", 1)) for name in names}


def _regime(row: Row, software: str | None) -> Regime:
    """How requests came: as the row says, in `regime`, `group` or `source`; else by its engine."""
    said = " ".join(_text(row, column, "") for column in ("regime", "group", "source"))
    plain = said.casefold().replace("first token", "first-token")
    for regime, words in REGIMES:
        if any(word in plain for word in words.split()):
            return regime
    static = has_trait(software, "static") or is_before(software, "static_before")
    return "static" if static else "closed"


def _sharding(row: Row) -> Sharding:
    """What is sharded over the data-parallel devices."""
    written = _text(row, "sharding", "none")
    plain = "".join(letter for letter in written.casefold() if letter.isalnum())
    for sharding, parts in SHARDING:
        if any(part in plain for part in parts.split()):
            return sharding
    words = ", ".join(" ".join(parts for _, parts in SHARDING).split())
    raise InputError("sharding", written, f"a word with one of {words}")


def _sizes(architecture: Architecture) -> tuple[int, ...]:
    experts = max(block.feed_forward.experts for block in architecture.blocks)
    return architecture.layers, architecture.hidden, architecture.vocab, experts


def _missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _text(row: Row, column: str, default: str | None = None) -> str:
    value = row.get(column)
    if _missing(value):
        if default is None:
            raise InputError(column, "nothing", "given")
        return default
    return str(value).strip()


def _optional(row: Row, column: str, least: float = 1) -> float | None:
    return None if _missing(row.get(column)) else _number(row, column, least=least)


def _number(row: Row, column: str, default: float | None = None, least: float = 1) -> float:
    value = row.get(column)
    if _missing(value):
        if default is None:
            raise InputError(column, "nothing", f"a number of {least:g} or more")
        return default
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= LARGEST:
        raise InputError(column, value, f"a number from {least:g} to {LARGEST:g}")
    return number


def _truth(row: Row, column: str, default: bool = False) -> bool:
    value = row.get(column)
    if _missing(value):
        return default
    return str(value).strip().casefold() in ("true", "1", "1.0", "yes")


def _recomputed(row: Row) -> float:
    """Share of the forward pass that checkpointing repeats."""
    value = _text(row, "activation_checkpointing", "False").casefold()
    if value in ("selective", "sel"):
        return selective_share(_text(row, "framework", ""))
    return 1.0 if value in ("true", "full", "1", "1.0", "yes") else 0.0
