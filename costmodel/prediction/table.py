"""A table in, the same table with predictions out; which table it is, is read from its columns.

Columns that hold a field of a case stand in `case_fields`; `SPOKEN` reads what is said in words.
Measured columns are never read here, so a prediction can't see its answer. What a row lacks and
can't be guessed (a device, a size) is refused with the column's name; the other rows go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, cached_property
from typing import Any, Literal, TypeVar

import pandas as pd

from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.architecture.structure import Architecture, Head
from modelworth.costmodel.prediction.case import LARGEST, Case, Regime
from modelworth.costmodel.prediction.case_fields import COLUMNS, FIELDS, LEAST
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.published_runs import RUN_COLUMNS, predict_runs
from modelworth.costmodel.prediction.refusal import spread
from modelworth.costmodel.prediction.software import has_trait, is_before, selective_share
from modelworth.costmodel.prediction.step.coefficients import Tables, shipped_rates
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.plain_text import plain_number
from modelworth.data.words import Sharding, Work

Table = Literal["training", "vision", "encoder", "serving"]
Row = Mapping[Any, Any]
T = TypeVar("T")

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
PHASES: dict[str, Work] = {"train": "train", "forward infer": "forward"}
ADDED = ["predicted", "low", "high", "basis", "note", "predicted_ttft_ms", "predicted_tpot_ms"]
YES = ("true", "1", "1.0", "yes")
BARE = Tables(shipped_rates(), ())
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


USUAL: dict[Table, dict[str, Any]] = {
    "training": {"work": "train"},
    "serving": {"work": "serve"},
    "encoder": {"work": "forward", "precision": "fp16"},
    "vision": {"precision": "amp", "software": "timm", "batch": 256.0},
}
"""What a table's rows mean where they say nothing."""


def _word(row: Row, column: str) -> str:
    """What a cell says; nothing where it is empty."""
    value = row.get(column)
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value).strip()


def _number(
    row: Row, column: str, default: float | None = None, least: float = 1, *, whole: bool = False
) -> float:
    """A cell's number; it may be empty where there is a default.

    Raises:
        InputError: if it isn't a number from `least` on, or not `whole`.
    """
    word = _word(row, column)
    if not word and default is not None:
        return default
    found = plain_number(word)
    if not least <= found <= LARGEST or (whole and found != int(found)):
        sort = "a whole number" if whole else "a number"
        raise InputError(column, word or "nothing", f"{sort} from {least:g} to {LARGEST:g}")
    return found


def _whole(row: Row, column: str, default: float | None = None, least: float = 1) -> int:
    return int(_number(row, column, default, least, whole=True))


def _field(row: Row, field: str, column: str) -> Any:
    """A cell as the case's field has it."""
    kind = FIELDS[field]["kind"]
    if kind == "str":
        return _word(row, column)
    whole = kind in ("int", "count") or column in ("seq_len", "sequence")
    found = _number(row, column, least=LEAST.get(field, 0), whole=whole)
    return int(found) if kind == "int" else found


def _one_of(words: str, choices: Mapping[str, T]) -> T | None:
    """The first of the choices one of whose words is within these; None where none is."""
    return next((one for key, one in choices.items() if any(w in words for w in key.split())), None)


def _chosen(row: Row, column: str, choices: Mapping[str, T], usual: str) -> T:
    """The same of a cell's word, or of the usual one.

    Raises:
        InputError: if none is within it.
    """
    written = _word(row, column) or usual
    found = _one_of("".join(filter(str.isalnum, written.casefold())), choices)
    if found is None:
        every = ", ".join(" ".join(choices).split())
        raise InputError(column, written, f"a word with one of {every}")
    return found


def _regime(row: Row) -> Regime:
    """How requests came: as the row says, in `regime`, `group` or `source`; else by its engine."""
    said = " ".join(_word(row, column) for column in ("regime", "group", "source"))
    found = _one_of(said.casefold().replace("first token", "first-token"), REGIMES)
    engine = _word(row, "engine")
    static = has_trait(engine, "static") or is_before(engine, "static_before")
    return found or ("static" if static else "closed")


def _recomputed(row: Row) -> float:
    """Share of the forward pass that checkpointing repeats."""
    word = _word(row, "activation_checkpointing").casefold()
    if word in ("selective", "sel"):
        return selective_share(_word(row, "framework"))
    return 1.0 if word in (*YES, "full") else 0.0


SPOKEN: dict[Table, dict[str, Callable[[Row], Any]]] = {
    "training": {
        "sharding": lambda row: _chosen(row, "sharding", SHARDING, "none"),
        "recomputed": _recomputed,
        "overlapped": lambda row: "async" in _word(row, "recipe").casefold(),
    },
    "serving": {"regime": _regime},
    "vision": {"work": lambda row: _chosen(row, "phase", PHASES, "forward")},
}
"""Field of a case → how the words of a row give it."""


class Reader:
    """Turns rows into cases; architectures and devices that come again are read once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._architectures: dict[tuple[Any, ...], Architecture] = {}
        self._accelerator = cache(catalog.accelerator)

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
        for column in REQUIRED[table]:
            if column != "model" and not _word(row, column):
                raise InputError(column, "nothing", "given")
        columns = {name: column for column, name in COLUMNS.items() if _word(row, column)}
        read = {name: _field(row, name, column) for name, column in columns.items()}
        asked = USUAL[table] | read
        asked |= {name: say(row) for name, say in SPOKEN.get(table, {}).items()}
        asked["compiled"] = _word(row, "compile").casefold() in YES
        if table == "serving":  # at least as many devices as one replica has
            stages, gpus = asked.get("pipeline", 1), asked.get("gpus", 1)
            tensor = asked.get("tensor") or gpus // stages
            asked |= {"tensor": tensor, "gpus": max(gpus, tensor * stages)}
        accelerator = self._accelerator(_word(row, "gpu"))
        try:
            case = Case.on(self._architectures[key], accelerator, **asked)
        except InputError as error:
            raise error.at(columns.get(error.where, error.where)) from None
        return spread(case, BARE) if table == "serving" else case

    def _decoder(self, row: Row) -> Architecture:
        """The catalogue's model if the row's sizes are the same, else by the row's columns."""
        sizes = {name: _number(row, name, 0.0, whole=True) for name in ("layers", "hidden")}
        try:
            entry = self._catalog.model(_word(row, "model") or "decoder")
            known = read_model(entry.config, entry.name)
            if all(size in (0, getattr(known, name)) for name, size in sizes.items()):
                return known
        except InputError as error:
            if not any(sizes.values()):
                raise error.at("model") from None
        untied = _by_columns(row, tied=False)
        if (twin := self._latent.get(_sizes(untied))) is not None:
            return twin
        if not (stated := _number(row, "params", 0.0)):
            return untied
        pair = (untied, _by_columns(row, tied=True))
        return min(pair, key=lambda one: abs(one.parameters - stated))

    @cached_property
    def _latent(self) -> dict[tuple[int, ...], Architecture]:
        """Shipped models whose attention columns can't describe, by their sizes.

        DeepSeek-R1 is DeepSeek-V3 by another name.
        """
        read = (read_model(model.config, model.name) for model in self._catalog.models)
        latent = [one for one in read if one.blocks[0].attention.kv_rank is not None]
        return {_sizes(one): one for one in reversed(latent)}


def predict_table(frame: pd.DataFrame, predictor: Predictor | None = None) -> pd.DataFrame:
    """The table with `predicted`, `low`, `high`, `basis` and `note` added.

    Raises:
        InputError: if the columns are those of no known table.
    """
    predictor = predictor or Predictor()
    if set(frame.columns) >= RUN_COLUMNS:
        return predict_runs(frame)
    table = table_of(frame.columns)
    reader = Reader(predictor.catalog)
    cases: dict[int, Case] = {}
    said: dict[int, dict[str, Any]] = {}
    unmeasured = frame.drop(columns=list(MEASURED[table]), errors="ignore")
    for place, row in enumerate(unmeasured.to_dict("records")):
        try:
            cases[place] = reader.case(table, row)
        except InputError as error:
            said[place] = {"basis": "", "note": " ".join(str(error).split())}
    predicted = predictor.predict_all(list(cases.values()), ran=True)
    for place, one in zip(cases, predicted, strict=True):
        said[place] = {
            "predicted": one.value, "low": one.low, "high": one.high, "basis": one.basis or "",
            "note": " ".join(one.note.split()),
            "predicted_ttft_ms": one.ttft_s and one.ttft_s * 1e3,
            "predicted_tpot_ms": one.tpot_s and one.tpot_s * 1e3,
        }  # fmt: skip
    shown = ADDED if table == "serving" else ADDED[:-2]
    rows = [said[place] for place in range(len(frame))]
    return pd.concat([frame, pd.DataFrame(rows, frame.index, shown)], axis=1)


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


def _by_columns(row: Row, *, tied: bool) -> Architecture:
    names = ("heads", "layers", "hidden", "ffn", "vocab")
    sizes = {name: _whole(row, name) for name in names}
    sizes |= {name: _whole(row, name, 0) for name in ("kv_heads", "head_dim")}
    sizes |= {name: _whole(row, name, 0, 0) for name in ("experts", "experts_per_token")}
    gated = _word(row, "gated_mlp").casefold() in ("", *YES)
    name = _word(row, "model") or "decoder"
    return Architecture.from_columns(**sizes, gated_mlp=gated, tied=tied, name=name)


def _sizes(architecture: Architecture) -> tuple[int, ...]:
    experts = max(block.feed_forward.experts for block in architecture.blocks)
    return architecture.layers, architecture.hidden, architecture.vocab, experts


def _vit(row: Row) -> Architecture:
    hidden, layers, heads, ffn = VIT_SIZES.get(_word(row, "size")) or _vit_size(row)
    config = {
        "model_type": "vit", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": ffn, "num_channels": 3,
        "image_size": _whole(row, "image_size"), "patch_size": _whole(row, "patch"),
    }  # fmt: skip
    return read_model(config, _word(row, "model") or "vit")


def _vit_size(row: Row) -> tuple[int, int, int, int]:
    """Sizes of a Vision Transformer of another name, from its parameters and multiply-adds.

    Its layers hold 12·L·h² parameters in products and 13·L·h beside them; t tokens take the former
    times t and 2·L·h·t² multiply-adds. What isn't in layers depends on h, so it is found in rounds.
    """
    if not (_word(row, "params_m") and _word(row, "gmacs")):
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
