"""What a case comes to: refusal, own records, published tables, interval, in this one order.

`Predictor(catalog, tables, records).predict(case)` answers for the command line, the page,
capacities, layouts and validation. A case that can't be is refused with the reason and the nearest
that fits. A machine's own records, where they are given, come before the published tables; results
of own servers correct these.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from modelworth.costmodel.prediction import own_machine, served
from modelworth.costmodel.prediction.case import PREDICTED_KINDS, Case
from modelworth.costmodel.prediction.columns import coefficients, columns, times
from modelworth.costmodel.prediction.interval import TRIED_TOGETHER, Width, width_of
from modelworth.costmodel.prediction.refusal import refused
from modelworth.costmodel.prediction.serving.apart import apart_state
from modelworth.costmodel.prediction.step.arrays import Times
from modelworth.costmodel.prediction.step.coefficients import Tables, shipped_tables
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import Basis, Work

UNITS = {
    **dict.fromkeys(("train", "prefill", "decode"), "tokens/s/GPU"),
    "forward": "sequences/s/GPU",
    "serve": "output tokens/s/GPU",
}
MEASURED_FACTOR = 1.1
"""Half-width of the interval of what was measured: machines drift by this much between runs."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a case will do.

    Attributes:
        case: in the layout that it was predicted in.
        value: units per second and device; None where it can't be predicted.
        low, high: the 90% interval.
        parts: seconds of the parts of a step; of one request, for a server.
        running: sequences that a server decodes together; room: that its cache has room for.
        refusal: why there is no value.
        note: what was assumed, or why there is no value.
    """

    case: Case
    value: float | None
    low: float | None
    high: float | None
    unit: str
    basis: Basis | None
    note: str
    step_s: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    running: float | None = None
    room: float | None = None
    refusal: InputError | None = None
    width: Width | None = None

    @classmethod
    def refused(cls, case: Case, reason: InputError) -> Prediction:
        """None, and why."""
        note = " ".join(str(reason).split())
        return cls(case, None, None, None, UNITS[case.work], None, note, refusal=reason)

    @property
    def tokens_per_s_per_device(self) -> float:
        """Speed of a training's steps; images count by their patches."""
        return (self.value or 0.0) * self.case.unit_tokens


class Predictor:
    """Answers cases from the catalogue, the published tables and own records."""

    def __init__(
        self,
        catalog: Catalog | None = None,
        tables: Tables | None = None,
        records: Iterable[Measurement] = (),
    ) -> None:
        self.catalog = catalog or load_catalog()
        self.tables = tables or shipped_tables()
        self._held = tuple(records)
        self._fits: dict[tuple[str, str, str], own_machine.MachineFit | None] = {}
        self.scales = served.served_scales(self._held, self.catalog, self.tables)

    @cached_property
    def fits(self) -> tuple[own_machine.MachineFit, ...]:
        """The fits of every device among the records."""
        return own_machine.machine_fits(self._held)

    def own_fit(self, case: Case) -> own_machine.MachineFit | None:
        """The fit to own records of a case's device, precision and work.

        Only what is asked for is fitted, and once: a fit takes a while.
        """
        if case.devices != 1 or not self._held:
            return None
        key = (case.accelerator.name, case.precision, case.work)
        if key not in self._fits:
            self._fits[key] = own_machine.fit_for(self._held, case)
        return self._fits[key]

    def predict(self, case: Case) -> Prediction:
        """One case; where it can't be, the prediction has no value and says why."""
        return self.predict_all([case])[0]

    def predict_all(self, cases: Sequence[Case], *, ran: bool = False) -> list[Prediction]:
        """Cases in their order. `ran`: they are rows of measurements, so they did fit."""
        cases = [served.as_run(self.scales, case) for case in cases]
        found: dict[int, Prediction] = {}
        works: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
        for place, refusal in enumerate(refused(cases, self.tables, ran=ran)):
            case = cases[place]
            if refusal is not None:
                found[place] = Prediction.refused(case, refusal)
            elif (own := self.own_fit(case)) is not None:
                found[place] = _of_machine(case, own)
            else:
                works[case.work, case.read_gpus > 0].append(place)
        for places in works.values():
            times_ = self.times([cases[place] for place in places])
            for row, place in enumerate(places):
                found[place] = self._of_tables(cases[place], times_, row)
        return [found[place] for place in range(len(cases))]

    def require(self, case: Case) -> Prediction:
        """One case.

        Raises:
            InputError: if it can't be predicted, with the reason.
        """
        found = self.predict(case)
        if found.refusal is not None:
            raise found.refusal
        return found

    def times(self, cases: Sequence[Case]) -> Times:
        """Times of cases of one kind of work by the published tables, refusing none.

        Of a server's cases all read their prompts apart, or none.
        """
        work, fit = columns(cases, self.tables), coefficients(cases, self.tables)
        readers = [reader for case in cases if (reader := case.reader) is not None]
        if not readers:
            return times(cases[0].work, work, fit)
        reading = columns(readers, self.tables), coefficients(readers, self.tables)
        return apart_state(work, fit, *reading)

    def _of_tables(self, case: Case, found: Times, row: int) -> Prediction:
        """By the published tables, corrected by what own servers and tests on the device did."""
        scale = served.scale_for(self.scales, case)
        if scale is not None:
            factor, slower = math.exp(scale.log_width), 1 / scale.speed
            return _prediction(case, found, row, factor, "interpolated", scale.said, slower)
        width = width_of(case, self.tables)
        made = _prediction(case, found, row, width.factor, width.basis, _note(case, width))
        return replace(made, width=width)


def _prediction(
    case: Case,
    found: Times,
    row: int,
    factor: float,
    basis: Basis | None,
    note: str,
    slower: float = 1.0,
) -> Prediction:
    """One row of times, each `slower` times as long, with its interval's factor."""
    value = float(found.value[row]) / case.unit_tokens / slower
    unit = UNITS["forward" if case.unit_tokens > 1 else case.work]
    scales = dict.fromkeys(("step_s", "ttft_s", "tpot_s"), slower) | {"running": 1.0, "room": 1.0}
    told: dict[str, Any] = {
        name: float(column[row]) * scale
        for name, scale in scales.items()
        if (column := getattr(found, name)) is not None
    }
    parts = {name: float(part[row]) * slower for name, part in (found.parts or {}).items()}
    return Prediction(
        case, value, value / factor, value * factor, unit, basis, note, parts=parts, **told
    )


def _of_machine(case: Case, fit: own_machine.MachineFit) -> Prediction:
    """By the fit to a machine's own records."""
    own, found, beyond = fit.measured_value(case), fit.times(case), fit.doublings_beyond(case)
    if own:
        note, made = "measured on this device as asked", _prediction(case, found, 0, 1.0, None, "")
        slower = (made.value or 0.0) / own
        return _prediction(case, found, 0, MEASURED_FACTOR, "measured", note, slower)
    note = f"fitted to {len(fit.measurement_ids)} measurements of this device"
    if beyond > 0:
        note += f"; {beyond:.1f} doublings beyond them"
    basis: Basis = "extrapolated" if beyond > 0 else "interpolated"
    return _prediction(case, found, 0, fit.factor90(case), basis, note)


def _note(case: Case, width: Width) -> str:
    device, attention = case.accelerator, case.architecture.blocks[0].attention
    rows = {
        "generation": f"of {device.architecture} devices",
        "device": f"on {device.name}, only on its generation",
        "software": f"with software {case.software or 'that is not given'}",
        "precision": f"in {case.precision}",
        "layout": "of such models divided so",
        "kind of model": f"of such models with software {case.software or 'that is not given'}",
        "prompts read apart": "with prompts read apart",
        "large groups": f"with more than {TRIED_TOGETHER} devices in a group",
    }
    notes = [f"no measured row {rows[new]}" for new in width.new]
    used = rate_used(device, case.precision)
    if used != case.precision and case.precision in ("fp8", "int8", "fp4"):
        notes.append(f"only weights are in {case.precision}: {device.name} computes in {used}")
    elif used != case.precision and case.precision in ("bf16", "fp16"):
        notes.append(f"{device.name} has no {case.precision}: it computes in {used}")
    share = case.tensor // case.attention_data
    if attention.heads % share:
        notes.append(f"{attention.heads} heads don't divide by {share}: most software refuses to")
    if case.gpus > 1 and device.link_gb_per_s is None:
        notes.append("its link isn't known: PCIe at 25 GB/s assumed")
    return "; ".join([*notes, case.architecture.note] if case.architecture.note else notes)


@dataclass(frozen=True, slots=True)
class Pair:
    """One record: units per second and device, measured and predicted."""

    record: Measurement
    work: Work
    measured: float
    predicted: float


def against(records: Iterable[Measurement], predictor: Predictor) -> list[Pair]:
    """Records beside what would be predicted of them without their own model, in their order.

    A machine's own records are predicted by the fit to its other models; results of served
    endpoints and of several devices by the published tables alone.
    """
    left_out = {key: error for fit in predictor.fits for key, error in fit.errors}
    published = Predictor(predictor.catalog, predictor.tables)
    found = []
    for record in records:
        case = _case(record, predictor.catalog)
        if case is None or record.result is None:
            continue
        measured = record.result.throughput_per_s_per_device
        if (error := left_out.get(record.id)) is not None:
            predicted: float | None = measured / math.exp(error)
        else:
            predicted = published.predict(case).value
        if predicted is not None:
            found.append(Pair(record, case.work, measured, predicted))
    return found


def _case(record: Measurement, catalog: Catalog) -> Case | None:
    """The record's work as a case; None where it is of another kind, or failed."""
    if record.workload.kind == "serve" or record.provenance.origin == "imported":
        return served.served_case(record, catalog)
    if record.status == "ok" and record.workload.kind in PREDICTED_KINDS:
        with suppress(InputError):
            return Case.of_record(record, own_machine.accelerator_of(record, catalog))
    return None
