"""`modelworth inspect --all-types`: every type of transformers by its defaults, and a page."""

# ruff: noqa: T201
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.bench.models.inspect import Inspected
    from modelworth.costmodel.architecture.structure import Architecture

HEADER = """# Models

Made by `modelworth inspect --all-types --page docs/models.md` with transformers {version}: every
type in its mapping, by the defaults of its config class, on the meta device. *Read*: the config
alone is enough, without torch; what was read is what was built. *Built*: `modelworth inspect`
builds and counts it. {flops}

{described} of {total} types are described, {read} of them by reading too; {refused} are refused.
{differ}

| type | class | parameters | active | FLOPs | way |
| --- | --- | --- | --- | --- | --- |
"""
COUNTED = (
    "FLOPs are held against PyTorch's counter over a pass; {counted} are within 1% of it. Where a "
    "bare pass fails they are 2 a parameter and token, and the description's note says so."
)
UNCOUNTED = "This time without passes (`--parameters-only`): FLOPs weren't counted."


@dataclass(frozen=True)
class Row:
    """What came out for one type.

    Attributes:
        refused: why it isn't described; None: it is.
        flops_off: the description's FLOPs of a pass over the counter's, less 1; None: not counted.
        read: parameters by reading; None: reading doesn't know it.
    """

    model_type: str
    built_class: str = ""
    parameters: int = 0
    active: int = 0
    flops_off: float | None = None
    read: int | None = None
    refused: str | None = None


def types() -> list[str]:
    """Every type that transformers has a model for."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(MODEL_MAPPING_NAMES)


def row_of(model_type: str, *, passes: bool = True) -> Row:
    """One type by the defaults of its config class; without `passes`, its parameters alone."""
    from modelworth.bench.models.inspect import inspected
    from modelworth.costmodel.architecture.read import knows, read_model

    try:
        config = default_config(model_type)
        found = inspected({"model_type": model_type}, model_type, passes=passes)
        built = read_model(found.description)
    except InputError as error:
        return Row(model_type, refused=str(error).replace("\n", ";"))
    read = None
    if config is not None and knows(config):
        try:
            read = read_model(config).parameters
        except InputError:
            read = None
    return Row(
        model_type,
        built.built_class or "",
        built.parameters,
        built.active_parameters,
        flops_off=_flops_off(built, found),
        read=read,
    )


def _flops_off(built: Architecture, found: Inspected) -> float | None:
    """How far the description is from the counter, over the longest pass that was counted."""
    from modelworth.costmodel.architecture.work import forward_flops

    if not found.flops:
        return None
    tokens = None if built.patches is not None else found.tokens
    return float(forward_flops(built, 1, tokens, found.source)) / found.flops - 1


def default_config(model_type: str) -> dict[str, Any] | None:
    """The config that the type's class writes for its defaults."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        written = CONFIG_MAPPING[model_type]().to_dict()
    except (TypeError, ValueError, KeyError, AttributeError, ImportError):
        return None
    return {**written, "model_type": model_type}


def rows(*, passes: bool) -> Iterator[Row]:
    """Every type in turn."""
    for model_type in types():
        yield row_of(model_type, passes=passes)


READ_HEADER = """# Models

Made by `modelworth inspect --all-types --read --page docs/models.md`; don't edit by hand. These
{count} model types are read from their config alone, without torch; parameters are those of the
type's own defaults in transformers. Any other type that the installed transformers builds is
described by `modelworth inspect FILE`, whose saved description then stands for the model anywhere;
`modelworth inspect --all-types --page FILE` builds every one of them and holds what was read, and
FLOPs, against it.

| type | parameters by its defaults | used by a token |
| --- | --- | --- |
"""


def page_of_readable() -> str:
    """The page of the types that reading knows, made without torch."""
    from modelworth.costmodel.architecture.families_multimodal import TEXT_TYPES
    from modelworth.costmodel.architecture.read import READERS, SAME, read_defaults

    lines = []
    for kind in sorted({*READERS, *SAME, *TEXT_TYPES}):
        if kind in TEXT_TYPES:
            lines.append(f"| `{kind}`, by its parts | as its config says | |")
            continue
        try:
            read = read_defaults(kind)
        except InputError:  # a type that has no defaults: its configs state every size
            lines.append(f"| `{kind}` | as its config says | |")
            continue
        lines.append(f"| `{kind}` | {read.parameters:,} | {read.active_parameters:,} |")
    return READ_HEADER.format(count=len(lines)) + "\n".join(lines) + "\n"


def walk(page: Path | None, *, passes: bool = True) -> int:
    """Describes every type; prints a line each and writes the page."""
    found = []
    for row in rows(passes=passes):
        found.append(row)
        print(f"{row.model_type:<32}{row.refused or f'{row.parameters:,}'}"[:120], flush=True)
    if page is not None:
        page.write_text(page_of(found), "utf-8")
    return 0


def page_of(found: list[Row]) -> str:
    """The page."""
    import transformers

    good = [row for row in found if row.refused is None]
    read = [row for row in good if row.read is not None]
    off = [row for row in read if row.read != row.parameters]
    held = [row.flops_off for row in good if row.flops_off is not None]
    near = sum(abs(off) <= 0.01 for off in held)
    head = HEADER.format(
        flops=COUNTED.format(counted=near) if held else UNCOUNTED,
        version=transformers.__version__,
        described=len(good),
        total=len(found),
        read=len(read),
        refused=len(found) - len(good),
        differ=f"{len(off)} differ." if off else "None differs.",
    )
    lines = [_line(row) for row in good]
    tail = ["", "## Refused", ""]
    tail += [f"- `{row.model_type}`: {row.refused}" for row in found if row.refused]
    return head + "\n".join([*lines, *tail]) + "\n"


def _line(row: Row) -> str:
    """One row of the table."""
    way = "built" if row.read is None else "read, built"
    if row.read is not None and row.read != row.parameters:
        way = f"built; read {row.read:,}"
    flops = "not counted" if row.flops_off is None else f"{row.flops_off:+.1%}"
    cells = (f"`{row.model_type}`", row.built_class, f"{row.parameters:,}", f"{row.active:,}")
    return f"| {' | '.join((*cells, flops, way))} |"
