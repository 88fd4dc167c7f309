"""Every type of transformers by its defaults, and `docs/models.md`: `make models-walk`.

`python -m docs.model_walk` keeps a line a type in `out/models.jsonl` and goes on from there; types
whose code has changed are counted anew once their lines are deleted.
"""

# ruff: noqa: T201
from __future__ import annotations

import json
from pathlib import Path

from docs.model_rows import COMPLETIONS, Row, rows, types

HEADER = """# Models

Made by `make models-walk` with transformers {version}; don't
edit by hand. Every type in its mapping, by the defaults of its config class, on the meta device:
{described} of {total} are described, {refused} refused. Parameters are summed over distinct tensors
of the built class. FLOPs of {counted} are held against PyTorch's counter over a pass: {near} are
within 1% of it. Where a bare pass fails they are 2 a parameter and token, and the description says
so. *Read*: the config alone is enough, without torch, and what was read is what was built
({read} types here{differ}). *Built*: `modelworth inspect FILE` builds and counts it, and its saved
description (`--save NAME`, a file in `modelworth_models` or the folder of MODELWORTH_MODELS) then
stands for the model anywhere: in `predict`, `plan`, `evaluate`, a scenario and on the Predict page.

| type | class | parameters | active | FLOPs against the counter | way |
| --- | --- | --- | --- | --- | --- |
"""
READ_ALONE = """
## Read, and not built by their defaults

Types whose classes transformers hasn't, or whose defaults aren't a model: their configs are read.

"""
COMPLETED = """
## Completed

Types whose defaults aren't a model that runs, and what is stated beside them here.

"""
REFUSED = """
## Refused

What transformers or its class says against the defaults; a config that states more may do.

"""


PAGE, KEPT = Path("docs/models.md"), Path("out/models.jsonl")


def walk() -> None:
    """Describes every type; prints a line each and writes the page."""
    KEPT.parent.mkdir(exist_ok=True)
    found = []
    for row in rows(types(), KEPT):
        found.append(row)
        print(f"{row.model_type:<32}{row.refused or f'{row.parameters:,}'}"[:120], flush=True)
    PAGE.write_text(page_of(found), "utf-8")


def page_of(found: list[Row]) -> str:
    """The page."""
    import transformers

    good = [row for row in found if row.refused is None]
    read = [row for row in good if row.read is not None]
    off = [row for row in read if row.read != row.parameters]
    held = [row.flops_off for row in good if row.flops_off is not None]
    head = HEADER.format(
        version=transformers.__version__,
        described=len(good),
        total=len(found),
        refused=len(found) - len(good),
        counted=len(held),
        near=sum(abs(each) <= 0.01 for each in held),
        read=len(read),
        differ=f", {len(off)} differ" if off else ", none differs",
    )
    lines = [_line(row) for row in good]
    alone = ", ".join(f"`{kind}`" for kind in read_alone({row.model_type for row in read}))
    refused = [f"- `{row.model_type}`: {row.refused}" for row in found if row.refused]
    table, reasons = "\n".join(lines), "\n".join(refused)
    stated = "\n".join(f"- {_names(kinds)}: `{json.dumps(keys)}`" for kinds, keys in COMPLETIONS)
    after = f"{READ_ALONE}{alone}.\n{COMPLETED}{stated}\n{REFUSED}{reasons}\n"
    return f"{head}{table}\n{after}"


def _names(kinds: str) -> str:
    """Types in code."""
    return ", ".join(f"`{kind}`" for kind in kinds.split())


def read_alone(built: set[str]) -> list[str]:
    """Types that reading knows beside those that were built, too."""
    from modelworth.costmodel.architecture.read import known_types

    return sorted(set(known_types()) - built)


def _line(row: Row) -> str:
    """One row of the table."""
    way = "built" if row.read is None else "read, built"
    if row.read is not None and row.read != row.parameters:
        way = f"built; read {row.read:,}"
    flops = "not counted" if row.flops_off is None else f"{row.flops_off:+.1%}"
    cells = (f"`{row.model_type}`", row.built_class, f"{row.parameters:,}", f"{row.active:,}")
    return f"| {' | '.join((*cells, flops, way))} |"


if __name__ == "__main__":
    walk()
