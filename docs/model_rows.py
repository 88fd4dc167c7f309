"""What came out for each type of transformers: one process for many types, bounded, resumable.

A worker (`python -m docs.model_rows`) reads types from its standard input and answers
each with a row as one line of JSON. One that takes too long or too much memory is ended and its
type refused so; the next type gets a new worker.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from modelworth.data.errors import InputError
from modelworth.verbs.inspect import flops_off

SECONDS = 300.0
MEMORY_BYTES = 10 * 2**30
UNBOUNDED = f"it takes more than {SECONDS:.0f} s or {MEMORY_BYTES >> 30} GiB"
HALF_ROTARY = {
    "rope_type": "default",
    "rope_theta": 10_000.0,
    "mrope_section": [8, 12, 12],
    "partial_rotary_factor": 0.5,
}
COMPLETIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("glm4v_text glm_image_text", {"rope_parameters": HALF_ROTARY}),
    ("glm4v glm46v glmga glm_image", {"text_config": {"rope_parameters": HALF_ROTARY}}),
    ("glm4v_moe_text", {"head_dim": 128, "rope_parameters": HALF_ROTARY}),
    ("glm4v_moe", {"text_config": {"head_dim": 128, "rope_parameters": HALF_ROTARY}}),
    ("deepseek_v2", {"num_experts_per_tok": 6}),
    ("step3p7", {"text_config": {"sliding_window": 512}}),
    ("hunyuan_v1_dense hunyuan_v1_moe hunyuan_vl_text ministral", {"head_dim": 128}),
    ("hunyuan_vl", {"text_config": {"head_dim": 128}}),
    ("autoformer informer time_series_transformer", {"prediction_length": 24}),
    ("wav2vec2-bert wav2vec2-conformer", {"vocab_size": 32}),
    ("esm", {"vocab_size": 33, "pad_token_id": 1, "mask_token_id": 32}),
    ("nemotron", {"num_key_value_heads": 8}),
    ("aya_vision", {"vision_config": {"hidden_size": 1152, "num_attention_heads": 16}}),
)
COMPLETED = {kind: stated for kinds, stated in COMPLETIONS for kind in kinds.split()}
"""What must be stated beside the defaults of a type's class before it is a model that runs."""
COMMAND = (sys.executable, "-m", "docs.model_rows")


@dataclass(frozen=True)
class Row:
    """What came out for one type.

    Attributes:
        refused: why it isn't described; None: it is.
        flops_off: the description's FLOPs of a pass over the counter's, less 1; None: not counted.
        read: parameters by reading; None: reading doesn't know it.
        note: what the description says of itself.
    """

    model_type: str
    built_class: str = ""
    parameters: int = 0
    active: int = 0
    flops_off: float | None = None
    read: int | None = None
    refused: str | None = None
    note: str | None = None


def types() -> list[str]:
    """Every type that transformers has a model for."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(MODEL_MAPPING_NAMES)


def row_of(model_type: str, *, passes: bool = True) -> Row:
    """One type by the defaults of its config class; without `passes`, its parameters alone."""
    from modelworth.bench.models.inspect import inspected
    from modelworth.costmodel.architecture.read import read_model

    try:
        stated = {"model_type": model_type, **COMPLETED.get(model_type, {})}
        found = inspected(stated, model_type, passes=passes)
        built = read_model(found.description)
    except InputError as error:
        return Row(model_type, refused=str(error.found))
    return Row(
        model_type,
        built.built_class or "",
        built.parameters,
        built.active_parameters,
        flops_off=flops_off(built, found),
        read=read_by_default(model_type),
        note=built.note,
    )


def read_by_default(model_type: str) -> int | None:
    """Parameters of a type's defaults by reading; None: it doesn't know them."""
    from modelworth.costmodel.architecture.read import knows, read_model

    config = default_config(model_type)
    if config is None or not knows(config):
        return None
    try:
        return read_model(config).parameters
    except InputError:
        return None


def default_config(model_type: str) -> dict[str, Any] | None:
    """The config that the type's class writes for its defaults."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        written = CONFIG_MAPPING[model_type](**COMPLETED.get(model_type, {})).to_dict()
    except (TypeError, ValueError, KeyError, AttributeError, ImportError):
        return None
    return {**written, "model_type": model_type}


def rows(types: Iterable[str], kept: Path | None = None, *, passes: bool = True) -> Iterator[Row]:
    """A row for each type; those in the file of an earlier walk aren't made again."""
    known = {row.model_type: row for row in _kept(kept)}
    worker: subprocess.Popen[str] | None = None
    try:
        for kind in types:
            if kind in known:
                yield replace(known[kind], read=read_by_default(kind))
                continue
            if worker is None or worker.poll() is not None:
                worker = _worker(passes)
            row = _answer(worker, kind)
            if row.refused == UNBOUNDED and passes:
                alone = _worker(passes=False)
                row = _answer(alone, kind)
                alone.kill()
                alone.wait()
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
            yield row
    finally:
        if worker is not None:
            worker.kill()
            worker.wait()


def _kept(path: Path | None) -> list[Row]:
    """Rows of an earlier walk."""
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _worker(passes: bool) -> subprocess.Popen[str]:
    """A process that answers types with rows."""
    words = [*COMMAND] + ([] if passes else ["--parameters-only"])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment)


def _answer(worker: subprocess.Popen[str], kind: str) -> Row:
    """The row of a type, or why there is none."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(kind + "\n")
    worker.stdin.flush()
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker.stdout, selectors.EVENT_READ)
        answered = waiting.select(SECONDS)
    line = worker.stdout.readline() if answered else ""
    if line:
        return Row(**json.loads(line))
    worker.kill()
    worker.wait()
    return Row(kind, refused=UNBOUNDED)


def main() -> None:
    """Answers types from standard input, a row a line."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        row = row_of(line.strip(), passes="--parameters-only" not in sys.argv)
        answers.write(json.dumps(asdict(row)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
