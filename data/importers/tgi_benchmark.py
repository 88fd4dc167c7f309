"""TGI's `text-generation-benchmark`: the tables that it prints, of steps of one batch at a time.

`Prefill` reads a batch of prompts and writes its first tokens; `Decode (total)` writes the others.
Its percentiles are of times that it doesn't sort, so the average is taken. Neither device, how many
nor a date is there. Read: text-generation-inference benchmark/src/table.rs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from modelworth.data.importers.read import Content, count, positive, table_cells, text
from modelworth.data.importers.told import Timed, Told, cited, model_of, named, stored_format
from modelworth.data.measurement import Layout, Machine, Measurement, Workload
from modelworth.data.words import precision

TOOL: Final = "text-generation-benchmark"
STEPS: Final[dict[str, Literal["prefill", "decode"]]] = {
    "Prefill": "prefill", "Decode (total)": "decode",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step at one batch: seconds of the whole batch, on average."""

    kind: Literal["prefill", "decode"]
    model: str | None
    batch: int
    prompt_tokens: int
    new_tokens: int
    mean_s: float


def knows(content: Content) -> bool:
    """Whether a file is of this tool."""
    return not content.objects and all(it in content.text for it in ("Decode Length", *STEPS))


def runs(content: Content) -> Iterator[Step]:
    """Each step of each batch, under the settings printed last before it."""
    said: dict[str, str] = {}
    name = ""
    for line in content.text.splitlines():
        cells = table_cells(line)
        if len(cells) == 2:
            said[cells[0]] = cells[1]
        if len(cells) != 8:
            continue
        name = cells[0] or name
        average, _, unit = cells[2].partition(" ")
        batch, mean_ms = count(cells[1]), positive(average)
        prompt, new = (count(said.get(f"{which} Length")) for which in ("Sequence", "Decode"))
        if name in STEPS and unit == "ms" and batch and mean_ms and prompt and new and new > 1:
            yield Step(STEPS[name], text(said.get("Model")), batch, prompt, new - 1, mean_ms / 1e3)


def measurement(step: Step, told: Told, where: str) -> Measurement:
    """A step as a record.

    Raises:
        InputError: if a device, a model or a date isn't given.
    """
    ran = named(where, told.device, told.model or step.model, told.date)
    stored, devices = stored_format(None, ran.model), told.count or 1
    decoding = step.kind == "decode"
    each = step.new_tokens if decoding else step.prompt_tokens
    timed = Timed(
        unit="tokens", work=step.batch * each, mean_s=step.mean_s,
        per_token=each if decoding else None,
    )  # fmt: skip
    return Measurement(
        recorded_at=ran.date,
        model=model_of(ran.model),
        workload=Workload(
            kind=step.kind,
            batch=step.batch,
            prompt_tokens=step.prompt_tokens,
            new_tokens=step.new_tokens if decoding else None,
            precision=told.precision or (precision(stored.products) if stored else "bfloat16"),
            engine="tgi",
            layout=Layout(tensor=devices),
        ),
        machine=Machine(device=ran.device, kind="other", count=devices),
        status="ok",
        result=timed.result(devices),
        provenance=cited(TOOL, [step.kind, step.batch, step.mean_s, step.prompt_tokens, each]),
    )
