"""One piece of work on every device of the catalogue, and the cheapest layouts for a load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from modelworth.costmodel.architecture.named import named
from modelworth.costmodel.prediction.answer import Answer
from modelworth.costmodel.prediction.case import Case, precision_name
from modelworth.costmodel.prediction.energy import usd_per_million
from modelworth.costmodel.prediction.largest_load import Objective
from modelworth.costmodel.prediction.plan import Choice, Offer, ServingPlan, plan_serving
from modelworth.costmodel.prediction.predictor import Predictor, against
from modelworth.dashboard import sources
from modelworth.dashboard.parts import predictor_answers as prediction
from modelworth.dashboard.parts.predictor_answers import Question
from modelworth.data.errors import InputError
from modelworth.data.words import Work
from modelworth.report.charts import Point
from modelworth.report.words import Words

TOKENS = "usd_per_million_tokens"
COUNTED = {"serve": "output_tokens", "decode": "output_tokens", "forward": "sequences"}
"""What the cost of a million is of, where it isn't all tokens."""
MOST_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """The work on one device; without an answer where it can't be asked there.

    Attributes:
        usd, low, high: of a million units of work, at the median rent; None without a rent.
    """

    device: str
    answer: Answer | None
    reason: str
    usd: float | None = None
    low: float | None = None
    high: float | None = None


@st.cache_resource(max_entries=16, show_spinner=False)
def everywhere(question: Question) -> tuple[Placed, ...]:
    """The question asked of every device of the catalogue; shared."""
    catalog = sources.catalog()
    return tuple(_placed(replace(question, accelerator=one.name)) for one in catalog.accelerators)


def _placed(question: Question) -> Placed:
    name = question.accelerator
    try:
        found = prediction.ask(question, sources.catalog())
    except InputError as error:
        return Placed(name, None, " ".join(str(error).split()))
    made = found.prediction
    if found.rent is None:
        return Placed(name, found, made.note)
    rent = found.rent.usd_per_gpu_hour
    costs = [rate and usd_per_million(rent, rate) for rate in (made.value, made.high, made.low)]
    return Placed(name, found, made.note, *costs)


def table(placed: Sequence[Placed], words: Words, work: Work) -> pd.DataFrame:
    """A row a device: whether it fits, how fast, what it costs; the cheapest first."""
    cost = f"usd_per_million_{COUNTED.get(work, 'tokens')}"
    rows = [
        {
            "device": one.device,
            "fits": "✓" if one.answer and prediction.fits(one.answer) else "–",
            cost: one.usd,
            "cost_range": words.bare_range(one.low, one.high, TOKENS),
            "per_gpu": made and made.value,
            "per_gpu_range": words.range(made.low, made.high, "count") if made else "",
            "ttft_s": made and made.ttft_s,
            "tpot_s": made and made.tpot_s,
            "step_s": made and made.step_s,
            "memory_used_bytes": one.answer and float(one.answer.memory.total),
            "memory_room_bytes": one.answer and one.answer.available_bytes,
            "basis": words.t(f"basis.{made.basis}") if made and made.basis else "",
            "note": prediction.reason(words, one.reason),
        }
        for one in placed
        for made in [one.answer.prediction if one.answer else None]
    ]  # fmt: skip
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return frame.sort_values(cost) if cost in frame else frame


def points(placed: Sequence[Placed], words: Words) -> list[Point]:
    """Cost against the time of a later token (or of a step), where both are known."""
    found = []
    for one in placed:
        made = one.answer.prediction if one.answer and prediction.fits(one.answer) else None
        seconds = made and (made.tpot_s or made.step_s)
        if one.usd is None or not seconds:
            continue
        said = f"{one.device}: {words.value(seconds, 's')}, {words.value(one.usd, TOKENS)}"
        found.append(Point(seconds, one.usd, said, one.low, one.high))
    return found


def unbeaten(found: Sequence[Point]) -> list[Point]:
    """Those that no other is both cheaper and quicker than."""
    kept: list[Point] = []
    for point in sorted(found, key=lambda one: (float(one.place), one.value)):
        if not kept or point.value < kept[-1].value:
            kept.append(point)
    return kept


@st.cache_resource(max_entries=8, show_spinner=False)
def cheapest(
    question: Question, requests_per_s: float, ttft_s: float, tpot_s: float,
    precisions: tuple[str | None, ...],
) -> ServingPlan:  # fmt: skip
    """The cheapest layouts that carry a load within an objective, on all devices with a rent.

    Raises:
        InputError: if none does.
    """
    catalog = sources.catalog()
    rented = {row.accelerator for row in catalog.rents if row.terms == "on-demand"}
    devices = [device for device in catalog.accelerators if device.name in rented]
    case = Case.on(
        named(question.model, catalog), devices[0],
        tokens=float(question.tokens), new_tokens=float(question.new_tokens),
        software=question.software,
    )  # fmt: skip
    offer = Offer(requests_per_s, Objective(ttft_s, tpot_s))
    own = case.architecture.own_precision
    wanted = dict.fromkeys(precision_name(name or own) for name in precisions)
    return plan_serving(case, offer, Predictor(catalog), devices, wanted)


def gpus_range(choice: Choice) -> str:
    """How many GPUs the load needs in 90% of cases: the cost's interval in whole GPUs."""
    ends = [round(choice.gpus * usd / choice.usd_per_million_tokens)
            for usd in (choice.low, choice.high)]  # fmt: skip
    return "–".join(map(str, dict.fromkeys(ends)))


def layouts(choices: Sequence[Choice], words: Words) -> pd.DataFrame:
    """A row a choice, the cheapest first."""
    return pd.DataFrame(
        {
            "device": one.case.accelerator.name,
            "precision": one.case.precision,
            "tensor": one.case.tensor,
            "pipeline": one.case.pipeline,
            "replicas": one.replicas,
            "gpus": one.gpus,
            "gpus_range": gpus_range(one),
            "usd_per_million_both_tokens": one.usd_per_million_tokens,
            "usd_per_hour": one.usd_per_hour,
            "ttft_s": one.point.ttft_s,
            "tpot_s": one.point.tpot_s,
            "basis": words.t(f"basis.{one.point.basis}"),
            "note": one.point.note,
        }
        for one in choices
    )


def choice_points(choices: Sequence[Choice], words: Words) -> list[Point]:
    """Cost against the 95th percentile of later tokens."""
    return [
        Point(one.point.tpot_s, one.usd_per_million_tokens,
              f"{one.gpus} × {one.case.accelerator.name} {one.case.precision}: "
              f"{words.value(one.point.tpot_s, 's')}, "
              f"{words.value(one.usd_per_million_tokens, TOKENS)}", one.low, one.high)
        for one in choices
    ]  # fmt: skip


@st.cache_resource(max_entries=2, show_spinner=False)
def compared(content: str) -> list[tuple[str, float, float]]:  # noqa: ARG001 - content is the key
    """Measured and predicted throughput of the store's newest records.

    Each is predicted from the others of its machine, as the command line pairs them.
    """
    records = sources.measurements()
    pairs = against(records[-MOST_COMPARED:], Predictor(sources.catalog(), records=records))
    return [
        (f"{pair.record.model.name} {pair.work} · {pair.record.machine.device}",
         pair.measured, pair.predicted)
        for pair in pairs
    ]  # fmt: skip
