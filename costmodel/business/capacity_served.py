"""Capacity from load tests of a server: what the judge finds sound decides, and is cited.

Each curve (one model, device, software and length of requests) is read where the objective holds.
Lengths within `SAME_LENGTH` of the plan's are taken as they are. Others are carried over by the
predictor: it says how rate and times change from the measured lengths to the plan's at the same
load; `interpolated` if the plan's lie between measured ones, `extrapolated` else, with an interval
that widens by each doubling. Where the predictor doesn't know model or device, nothing is carried.
A server that guessed tokens ahead is taken only where no plain one can be; a finding says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from modelworth.costmodel.analysis import Finding
from modelworth.costmodel.architecture.identity import (
    identifier,
    named_identity,
)
from modelworth.costmodel.business.capacity_measured import OBJECTIVE_MISSED, Evidence
from modelworth.costmodel.business.capacity_predicted import FACTOR, throughput_factor
from modelworth.costmodel.business.served_curve import (
    CurvePoint,
    Operating,
    operating_point,
    p95_s,
    scaled,
)
from modelworth.costmodel.prediction.predictor import MEASURED_FACTOR, Prediction, Predictor
from modelworth.costmodel.prediction.served import LEAST_LOG, judgements, served_case
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog
from modelworth.data.importers.judge import Judgement
from modelworth.data.importers.judging import SAME_LENGTH, distinct, one_curve
from modelworth.data.measurement import Measurement, Result
from modelworth.data.words import Basis, Work

NONE_SOUND: Final = "C06"
GUESSED: Final = "C07"
PROMPT_COST: Final = 0.2
"""Device time of a prompt token over that of an output token, where nothing predicts it: 14.8k
output against 73.7k input tokens a second and node (DeepSeek, open-infra-index, 2025-02)."""
MOST_CURVES: Final = 4
"""Curves of other lengths that are looked at, the nearest first."""
LOG_PER_DOUBLING: Final = 0.08
"""What each doubling of a length beyond the measured ones adds to the interval's log: judgement,
half the least scatter between loads of one server."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a request."""

    prompt: float
    new: float

    def doublings(self, other: Lengths) -> float:
        """How far the more distant of both lengths is."""
        pairs = ((self.prompt, other.prompt), (self.new, other.new))
        return max(abs(math.log2(one / another)) for one, another in pairs)


@dataclass(frozen=True, slots=True)
class Reading:
    """One curve, read at the plan's objective and lengths."""

    curve: tuple[Measurement, ...]
    measured: Lengths
    at: Operating
    distance: float

    @property
    def devices(self) -> int:
        """Of the endpoint that was measured."""
        return self.curve[0].machine.count

    @property
    def per_device(self) -> float:
        """Requests a second."""
        return self.at.requests_per_s / self.devices


def evidence(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """What load tests of the scenario's model and device say; a finding where none is sound."""
    records = _fitting(scenario, measurements, catalog)
    classes = judgements(records, catalog)
    asked = _asked(scenario)
    curves = _curves([record for record in records if record.id in classes], classes)
    guessing = [curve for curve in curves if curve[0].workload.drafting is not None]
    for some in ([curve for curve in curves if curve not in guessing], guessing):
        readings = [
            reading
            for curve in _nearest(some, asked)
            if (reading := _reading(scenario, curve, classes, asked, catalog)) is not None
        ]
        if readings:
            chosen = _chosen(readings)
            return _found(scenario, chosen, _basis(chosen, readings, asked), asked, catalog)
    return Evidence(findings=_unsound(records, classes))


def _fitting(
    scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog
) -> tuple[Measurement, ...]:
    """Served runs of what the scenario names; of an unnamed device or model, the last measured."""
    hardware = scenario.hardware
    is_device, who = catalog.same_device(hardware.accelerator), identifier(catalog)
    served = [
        record
        for record in distinct(it for it in measurements if it.workload.kind == "serve")
        if record.status == "ok"
        if not hardware.precision or record.workload.precision == hardware.precision
        if is_device(record.machine.device)
    ]
    if not served:
        return ()
    last = max(served, key=lambda record: record.recorded_at)
    is_here = catalog.same_device(hardware.accelerator or last.machine.device)
    wanted = named_identity(hardware.model, catalog) if hardware.model else who(last.model)
    return tuple(
        record
        for record in served
        if is_here(record.machine.device) and who(record.model) == wanted
    )


def _asked(scenario: Scenario) -> Lengths:
    factor = scenario.number("demand.reasoning_factor")
    return Lengths(
        max(1.0, scenario.number("demand.prompt_tokens_per_request")),
        max(1.0, scenario.number("demand.output_tokens_per_request") * factor),
    )


def _curves(
    records: Sequence[Measurement], classes: dict[str, Judgement]
) -> list[tuple[Measurement, ...]]:
    """Runs that differ in their load alone; those limited by it only beside their own sweep."""
    curves: list[list[Measurement]] = []
    for record in records:
        sweep = record.load.sweep if record.load else None
        if not classes[record.id].sound and (
            classes[record.id].kind != "load_limited" or sweep is None
        ):
            continue
        mine = next((curve for curve in curves if _joins(curve[0], record, classes)), None)
        if mine is None:
            curves.append(mine := [])
        mine.append(record)
    return [tuple(curve) for curve in curves]


def _nearest(
    curves: Sequence[tuple[Measurement, ...]], asked: Lengths
) -> list[tuple[Measurement, ...]]:
    """The curves nearest in length, each with the newest run of every load."""
    known = [(asked.doublings(at), curve) for curve in curves if (at := _lengths(curve))]
    known.sort(key=lambda one: one[0])
    kept = [curve for distance, curve in known if distance <= math.log2(1 + SAME_LENGTH)]
    return [_newest(curve) for curve in kept or [curve for _, curve in known[:MOST_CURVES]]]


def _newest(curve: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    """One run of each load."""
    found = {}
    for record in sorted(curve, key=lambda record: record.recorded_at):
        load = record.load
        found[load and (load.concurrency_limit, load.rate_per_s)] = record
    return tuple(found.values())


def _joins(one: Measurement, other: Measurement, classes: dict[str, Judgement]) -> bool:
    alone = all(classes[record.id].sound for record in (one, other))
    sweeps = {record.load.sweep if record.load else None for record in (one, other)}
    return one_curve(one, other) and (alone or len(sweeps) == 1)


def _reading(
    scenario: Scenario,
    curve: tuple[Measurement, ...],
    classes: dict[str, Judgement],
    asked: Lengths,
    catalog: Catalog,
) -> Reading | None:
    """A curve at the plan's lengths and objective; None where it can't be carried over."""
    measured = _lengths(curve)
    if measured is None:
        return None
    distance = asked.doublings(measured)
    points = [_point(record, classes[record.id].sound) for record in curve]
    if distance > math.log2(1 + SAME_LENGTH):
        carried = [_carried(point, curve[0], measured, asked, catalog) for point in points]
        points = [point for point in carried if point is not None]
    at = operating_point(
        [point for point in points if point is not None],
        scenario.number("capacity.objective.ttft_p95_s"),
        scenario.number("capacity.objective.tpot_p95_s"),
    )
    return None if at is None else Reading(curve, measured, at, distance)


def _lengths(curve: tuple[Measurement, ...]) -> Lengths | None:
    if any(None in (it.workload.prompt_tokens, it.workload.new_tokens) for it in curve):
        return None
    prompts = fmean(record.workload.prompt_tokens or 0 for record in curve)
    return Lengths(prompts, fmean(map(_answer, curve)))


def _answer(record: Measurement) -> float:
    """Mean tokens of an answer, as counted; else the record's whole number."""
    serving, load = record.result.serving if record.result else None, record.load
    if serving and serving.output_tokens and load and load.requests_ok:
        return serving.output_tokens / load.requests_ok
    return float(record.workload.new_tokens or 1)


def _point(record: Measurement, sound: bool) -> CurvePoint | None:
    result, load = record.result, record.load
    assert result is not None
    held = (load.in_flight_mean if load else None) or record.workload.concurrency
    if held is None or not record.workload.new_tokens:
        return None
    answer = _answer(record)
    ttft_s, tpot_s = _times(result, answer)
    return CurvePoint(
        in_flight=float(held),
        requests_per_s=result.throughput_per_s.value / answer,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        record_id=record.id,
        sound=sound,
    )


def _times(result: Result, answer: float) -> tuple[float | None, float | None]:
    """95th percentiles of the first token's time and a later one's.

    What a run doesn't say is what its mean request leaves for it: of a run without both, all of the
    request counts as time between tokens.
    """
    serving, latency = result.serving, result.latency
    ttft_s = (p95_s(serving.ttft) if serving else None) or latency.first_token_s
    tpot_s = (p95_s(serving.tpot) if serving else None) or latency.per_token_s
    later = max(1.0, answer - 1)
    if tpot_s is None:
        tpot_s = max(0.0, latency.mean_s - (latency.first_token_s or 0.0)) / later
    elif ttft_s is None:
        ttft_s = max(0.0, latency.mean_s - (latency.per_token_s or tpot_s) * (answer - 1))
    return ttft_s, tpot_s


def _carried(
    point: CurvePoint | None, record: Measurement, at: Lengths, to: Lengths, catalog: Catalog
) -> CurvePoint | None:
    """A point at other lengths, by what the predictor says of both at its load."""
    if point is None:
        return None
    load = max(1.0, point.in_flight)
    there, here = (_predicted(record, load, lengths, catalog) for lengths in (to, at))
    if there is None or here is None or not there.value or not here.value:
        return None
    rate = (there.value / to.new) / (here.value / at.new)
    ttft, tpot = (
        1.0 if not one or not other else one / other
        for one, other in ((there.ttft_s, here.ttft_s), (there.tpot_s, here.tpot_s))
    )
    return scaled(point, rate, ttft, tpot)


def _predicted(
    record: Measurement, load: float, lengths: Lengths, catalog: Catalog, work: Work = "serve"
) -> Prediction | None:
    """What the published tables say of the record's server at a load and lengths."""
    own = served_case(record, catalog)
    if own is None:
        return None
    case = replace(own, batch=load, tokens=max(1.0, lengths.prompt), work=work)
    new, drafted = (max(1.0, lengths.new), own.drafted) if work == "serve" else (1.0, 0)
    found = Predictor(catalog).predict(replace(case, new_tokens=new, drafted=drafted))
    return None if found.value is None else found


def _chosen(readings: Sequence[Reading]) -> Reading:
    """Of the readings nearest in length, the fastest that keeps the objective."""
    most = max(min(one.distance for one in readings), math.log2(1 + SAME_LENGTH))
    near = [one for one in readings if one.distance <= most]
    return max(near, key=lambda reading: (reading.at.held, reading.per_device))


def _basis(chosen: Reading, readings: Sequence[Reading], asked: Lengths) -> Basis:
    if chosen.distance <= math.log2(1 + SAME_LENGTH):
        return "measured"
    prompts = [reading.measured.prompt for reading in readings]
    answers = [reading.measured.new for reading in readings]
    inside = min(prompts) <= asked.prompt <= max(prompts) and min(answers) <= asked.new <= max(
        answers
    )
    return "interpolated" if inside else "extrapolated"


def _found(
    scenario: Scenario, reading: Reading, basis: Basis, asked: Lengths, catalog: Catalog
) -> Evidence:
    """Both rates, so that a request takes as long as it was read to take."""
    lengths = reading.measured if basis == "measured" else asked
    share = _prefill_share(reading, lengths, catalog)
    device_s = 1 / reading.per_device
    used = tuple(record for record in reading.curve if record.id in reading.at.record_ids)
    source = (
        f"measured server, {used[0].model.name} on {used[0].machine.count} × "
        f"{used[0].machine.device}{used[0].workload.manner}: "
        f"{reading.at.requests_per_s:.4g} requests/s with "
        f"{reading.at.in_flight:.3g} in flight (measurement {', '.join(reading.at.record_ids)})"
    )
    plain = Setting(
        1.0,
        source=source,
        as_of=max(record.recorded_at for record in used).date().isoformat(),
        basis=basis,
        measurement_ids=reading.at.record_ids,
    )
    rates = {
        "capacity.prefill_tokens_per_s_per_gpu": lengths.prompt / (device_s * share),
        "capacity.decode_tokens_per_s_per_gpu": lengths.new / (device_s * (1 - share)),
        "capacity.gpus_per_replica": float(reading.devices),
    }
    settings = {key: replace(plain, value=value) for key, value in rates.items()}
    width = _width(reading, basis)
    settings[FACTOR] = replace(
        throughput_factor(math.exp(-width), math.exp(width), source, basis),
        measurement_ids=reading.at.record_ids,
    )
    missed = () if reading.at.held else (_missed(scenario, reading),)
    findings = (*missed, *_guessed(used))
    machine = used[0].machine
    cores = machine.cpu_cores if machine.kind == "cpu" else None
    return Evidence(
        settings, used, findings=tuple(findings), device=machine.device, cpu_cores=cores
    )


def _guessed(curve: Sequence[Measurement]) -> tuple[Finding, ...]:
    """That the rate holds for the texts of the load test, where tokens were guessed ahead."""
    drafting, name = curve[0].workload.drafting, curve[0].model.name
    if drafting is None:
        return ()
    said = {"method": drafting.method or "?", "tokens": drafting.tokens_per_pass or "?"}
    return (Finding(GUESSED, "warning", "capacity.basis", {"model": name, **said}),)


def _unsound(records: Sequence[Measurement], classes: dict[str, Judgement]) -> tuple[Finding, ...]:
    """That there are load tests of the model, and why none can stand for a capacity."""
    faults = [classes[record.id] for record in records if not classes[record.id].sound]
    if not faults:
        return ()
    kinds = ", ".join(sorted({one.title for one in faults}))
    values: dict[str, float | str] = {"runs": float(len(faults)), "kinds": kinds}
    values["model"] = records[-1].model.name
    return (Finding(NONE_SOUND, "warning", "capacity.basis", values),)


def _width(reading: Reading, basis: Basis) -> float:
    """Half-width of the 90% interval's log."""
    if basis == "measured":
        return math.log(MEASURED_FACTOR)
    beyond = reading.distance if basis == "extrapolated" else 0.0
    return LEAST_LOG + LOG_PER_DOUBLING * beyond


def _prefill_share(reading: Reading, asked: Lengths, catalog: Catalog) -> float:
    """Share of a request's device time that reading its prompt takes."""
    found = _predicted(reading.curve[0], 1.0, asked, catalog, work="prefill")
    if found is None or not found.value:
        prompt = PROMPT_COST * asked.prompt
        return prompt / (prompt + asked.new)
    return min(0.9, max(0.01, asked.prompt / found.value * reading.per_device))


def _missed(scenario: Scenario, reading: Reading) -> Finding:
    """That even the smallest measured load is slower than the objective."""
    times = {
        "ttft_p95_s": reading.at.ttft_s or 0.0,
        "tpot_p95_s": reading.at.tpot_s or 0.0,
    }
    path = max(times, key=lambda path: times[path] / scenario.number(f"capacity.objective.{path}"))
    values: dict[str, float | str] = {"measured_s": times[path]}
    values["model"] = reading.curve[0].model.name
    return Finding(OBJECTIVE_MISSED, "warning", f"capacity.objective.{path}", values)
