"""A table in, the same table with predictions out; which table it is, is read from its columns.

`READ` says for each table which column, read how, gives which field of a case. Measured columns are
never read here, so a prediction can't see its answer. What a row lacks and can't be guessed (a
device, a size) is refused with the column's name; the other rows go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import pandas as pd

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture, Head
from modelworth.costmodel.prediction.case import Case, Regime, precision_name
from modelworth.costmodel.prediction.predictor import Prediction, Predictor
from modelworth.costmodel.prediction.refusal import spread
from modelworth.costmodel.prediction.software import has_trait, is_before, selective_share
from modelworth.costmodel.prediction.step.coefficients import Tables, shipped_rates
from modelworth.costmodel.prediction.training.published_runs import RUN_COLUMNS, predict_runs
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.plain_text import plain_number
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
SHARDING: dict[str, Sharding] = {
    "shardgrad zero2 zero1 distributedoptimizer": "gradients",
    "noshard none ddp zero0 megatron": "none",
    "full fsdp hsdp hybrid zero3 zero shard": "full",
}
"""Words for what is sharded; the first that a row's word contains."""
REGIMES: dict[str, Regime] = {
    "offline queued throughput": "queued",
    "static latency first-token": "static",
    "closed served": "closed",
}
"""Words for how requests came, which a row's words on its measurement contain."""
YES = ("true", "1", "1.0", "yes")
BARE = Tables(shipped_rates(), ())
LARGEST = 1e15
"""More than any count in a table is: parameters of a thousand of today's largest models."""
NEEDED: Any = object()
"""The default of a cell that must say something."""
DESCRIBING = (
    "model", "layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "gated_mlp",
    "experts", "experts_per_token", "size", "patch", "image_size", "params_m", "gmacs",
)  # fmt: skip
"""Columns that say which model it is."""
VIT_SIZES = {
    "tiny": (192, 12, 3, 768), "small": (384, 12, 6, 1536), "medium": (512, 12, 8, 2048),
    "base": (768, 12, 12, 3072), "large": (1024, 24, 16, 4096), "so150m": (896, 18, 14, 2304),
    "so400m": (1152, 27, 16, 4304), "huge": (1280, 32, 16, 5120),
    "giant": (1408, 40, 16, 6144), "gigantic": (1664, 48, 16, 8192),
}  # fmt: skip
"""Vision Transformers by size: hidden width, layers, heads, feed-forward width (timm's names)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """How a row's cell is read: as words, a number, a whole one, or whether it says yes.

    Attributes:
        default: what an empty cell stands for; `NEEDED`: it may not be empty.
        least: of a number.
        whole: of a float that counts something.
    """

    column: str
    kind: type[str] | type[float] | type[int] | type[bool] = float
    default: Any = NEEDED
    least: float = 1
    whole: bool = False

    def __call__(self, row: Row) -> Any:
        """What the cell says.

        Raises:
            InputError: if it can't be read, or is empty where it may not be.
        """
        value = row.get(self.column)
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            if self.default is NEEDED:
                number = f"a number of {self.least:g} or more"
                raise InputError(self.column, "nothing", "given" if self.kind is str else number)
            return self.default
        word = str(value).strip()
        if self.kind in (str, bool):
            return word if self.kind is str else word.casefold() in YES
        found, whole = plain_number(word), self.whole or self.kind is int
        if not self.least <= found <= LARGEST or (whole and found != int(found)):
            sort = "a whole number" if whole else "a number"
            raise InputError(self.column, value, f"{sort} from {self.least:g} to {LARGEST:g}")
        return self.kind(found)


def _sharding(row: Row) -> Sharding:
    """What is sharded over the data-parallel devices."""
    written = Cell("sharding", str, "none")(row)
    plain = "".join(letter for letter in written.casefold() if letter.isalnum())
    for words, sharding in SHARDING.items():
        if any(word in plain for word in words.split()):
            return sharding
    every = ", ".join(" ".join(SHARDING).split())
    raise InputError("sharding", written, f"a word with one of {every}")


def _regime(row: Row) -> Regime:
    """How requests came: as the row says, in `regime`, `group` or `source`; else by its engine."""
    said = " ".join(Cell(column, str, "")(row) for column in ("regime", "group", "source"))
    plain = said.casefold().replace("first token", "first-token")
    for words, regime in REGIMES.items():
        if any(word in plain for word in words.split()):
            return regime
    engine = Cell("engine", str, None)(row)
    static = has_trait(engine, "static") or is_before(engine, "static_before")
    return "static" if static else "closed"


def _recomputed(row: Row) -> float:
    """Share of the forward pass that checkpointing repeats."""
    word = Cell("activation_checkpointing", str, "False")(row).casefold()
    if word in ("selective", "sel"):
        return selective_share(Cell("framework", str, None)(row))
    return 1.0 if word in (*YES, "full") else 0.0


def _phase(row: Row) -> str:
    phase = Cell("phase", str, "forward")(row)
    if phase not in ("forward", "infer", "train"):
        raise InputError("phase", phase, "forward or train")
    return "train" if phase == "train" else "forward"


DEGREES = ("tensor", "pipeline", "expert", "context")
READ: dict[Table, dict[str, Callable[[Row], Any]]] = {
    "training": {
        "work": lambda _: "train",
        "precision": Cell("precision", str, "bf16"),
        "software": Cell("framework", str, None),
        **{name: Cell(f"{name}_parallel", int, 1) for name in DEGREES},
        "gpus": Cell("gpus", int, 1),
        "batch": Cell("micro_batch", default=1, whole=True),
        "tokens": Cell("seq_len", whole=True),
        "virtual": Cell("virtual_pipeline", int, None),
        "sharding": _sharding,
        "global_batch": Cell("global_batch", default=None, whole=True),
        "recomputed": _recomputed,
        "overlapped": lambda row: "async" in Cell("recipe", str, "")(row).casefold(),
    },
    "serving": {
        "work": lambda _: "serve",
        "precision": Cell("precision", str, "bf16"),
        "software": Cell("engine", str, None),
        "pipeline": Cell("pipeline_parallel", int, 1),
        "expert": Cell("expert_parallel", int, 1),
        "tensor": Cell("tensor_parallel", int, None),
        "gpus": Cell("gpus", default=None, whole=True),
        "kv_precision": Cell("kv_precision", str, None),
        "batch": Cell("concurrency", whole=True),
        "tokens": Cell("prompt_tokens"),
        "new_tokens": Cell("new_tokens"),
        "regime": _regime,
        "max_sequences": Cell("max_sequences", default=None, whole=True),
        "memory_share": Cell("memory_share", default=0.9, least=0.01),
        "prefix_share": Cell("prefix_share", default=0.0, least=0),
        "attention_data": Cell("attention_data_parallel", int, 1),
    },
    "encoder": {
        "work": lambda _: "forward",
        "precision": Cell("precision", str, "fp16"),
        "software": Cell("software", str, None),
        "batch": Cell("batch", whole=True),
        "tokens": Cell("sequence", whole=True),
    },
    "vision": {
        "work": _phase,
        "precision": Cell("precision", str, "amp"),
        "software": Cell("framework", str, "timm"),
        "batch": Cell("batch", default=256, whole=True),
    },
}
"""Field of a case → how a row of the table gives it."""


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
        key = (table, *(row.get(column) for column in DESCRIBING))
        if key not in self._architectures:
            found = _vit(row) if table == "vision" else self._decoder(row)
            headless = table == "encoder"
            self._architectures[key] = replace(found, head=Head(0, 0)) if headless else found
        asked = {name: read(row) for name, read in READ[table].items()}
        for name in ("precision", "kv_precision"):
            if asked.get(name):
                asked[name] = precision_name(asked[name])
        asked["architecture"] = model = self._architectures[key]
        asked["accelerator"] = self._accelerator(Cell("gpu", str)(row))
        asked["compiled"] = Cell("compile", bool, False)(row)
        if table == "vision" and model.patches is not None:
            asked["tokens"] = float(model.patches.tokens)
        return _server(asked) if table == "serving" else Case(**asked)

    def _decoder(self, row: Row) -> Architecture:
        """The catalogue's model if the row's sizes are the same, else by the row's columns."""
        sizes = {name: Cell(name, default=None, whole=True)(row) for name in ("layers", "hidden")}
        try:
            entry = self._catalog.model(Cell("model", str, "decoder")(row))
            known = read_model(entry.config, entry.name)
            if all(size in (None, getattr(known, name)) for name, size in sizes.items()):
                return known
        except InputError as error:
            if not any(sizes.values()):
                raise error.at("model") from None
        untied = _by_columns(row, tied=False)
        if (twin := self._twin(untied)) is not None:
            return twin
        stated = Cell("params", default=None)(row)
        if stated is None:
            return untied
        pair = (untied, _by_columns(row, tied=True))
        return min(pair, key=lambda one: abs(one.parameters - stated))

    def _twin(self, described: Architecture) -> Architecture | None:
        """A shipped model of the same sizes whose attention columns can't describe.

        Such as DeepSeek-R1, which is DeepSeek-V3 by another name.
        """
        if self._latent is None:
            read = (read_model(model.config, model.name) for model in self._catalog.models)
            latent = [one for one in read if one.blocks[0].attention.kv_rank is not None]
            self._latent = {_sizes(one): one for one in reversed(latent)}
        return self._latent.get(_sizes(described))


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
        "predicted": [one.value for one in every],
        "low": [one.low for one in every],
        "high": [one.high for one in every],
        "basis": [one.basis or "" for one in every],
        "note": [" ".join(one.note.split()) for one in every],
    }
    if table == "serving":
        added["predicted_ttft_ms"] = [one.ttft_s and one.ttft_s * 1e3 for one in every]
        added["predicted_tpot_ms"] = [one.tpot_s and one.tpot_s * 1e3 for one in every]
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)


def table_of(names: Iterable[str]) -> Table:
    """Which of the tables has these columns.

    Raises:
        InputError: if none.
    """
    held = set(names)
    for table, required in REQUIRED.items():
        if held >= set(required):
            return table
    found = ", ".join(sorted(map(str, held)))
    near = max(REQUIRED, key=lambda table: len(held & set(REQUIRED[table])) / len(REQUIRED[table]))
    lacking = ", ".join(name for name in REQUIRED[near] if name not in held)
    if len(held & set(REQUIRED[near])) > 1:
        raise InputError("columns", found, advice=f"a {near} table needs {lacking}, too")
    wanted = "; or ".join(f"{table}: {', '.join(r)}" for table, r in REQUIRED.items())
    raise InputError("columns", found, f"those of {wanted}")


def _server(asked: dict[str, Any]) -> Case:
    """A server's case; unless the row says otherwise, all devices of a stage share its products."""
    stages, gpus = asked["pipeline"], asked["gpus"]
    tensor = int(asked["tensor"] or (gpus or 1) / stages)
    replica = tensor * stages
    return spread(Case(**asked | {"tensor": tensor, "gpus": max(int(gpus or 0), replica)}), BARE)


def _by_columns(row: Row, *, tied: bool) -> Architecture:
    sizes = {name: Cell(name, int)(row) for name in ("heads", "layers", "hidden", "ffn", "vocab")}
    sizes |= {name: Cell(name, int, None)(row) for name in ("kv_heads", "head_dim")}
    sizes |= {name: Cell(name, int, 0, 0)(row) for name in ("experts", "experts_per_token")}
    gated, name = Cell("gated_mlp", bool, True)(row), Cell("model", str, "decoder")(row)
    return Architecture.from_columns(**sizes, gated_mlp=gated, tied=tied, name=name)


def _sizes(architecture: Architecture) -> tuple[int, ...]:
    experts = max(block.feed_forward.experts for block in architecture.blocks)
    return architecture.layers, architecture.hidden, architecture.vocab, experts


def _vit(row: Row) -> Architecture:
    hidden, layers, heads, ffn = VIT_SIZES.get(Cell("size", str)(row)) or _vit_size(row)
    config = {
        "model_type": "vit", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": ffn, "num_channels": 3,
        "image_size": Cell("image_size", int)(row), "patch_size": Cell("patch", int)(row),
    }  # fmt: skip
    return read_model(config, Cell("model", str, "vit")(row))


def _vit_size(row: Row) -> tuple[int, int, int, int]:
    """Sizes of a Vision Transformer of another name, from its parameters and multiply-adds.

    Its layers hold 12·L·h² parameters in products and 13·L·h beside them; t tokens take the former
    times t and 2·L·h·t² multiply-adds. What isn't in layers depends on h, so it is found in rounds.
    """
    if not (Cell("params_m", str, "")(row) and Cell("gmacs", str, "")(row)):
        sizes = ", ".join(VIT_SIZES)
        raise InputError("size", row.get("size"), f"one of {sizes}; or with params_m and gmacs")
    patch = Cell("patch")(row)
    tokens = (Cell("image_size")(row) // patch) ** 2 + 1
    parameters = Cell("params_m", least=0.01)(row) * 1e6
    products = Cell("gmacs", least=0.001)(row) * 1e9
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
