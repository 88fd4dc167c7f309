"""What the model's hardware can do and costs: from the store, from a prediction, or as stated.

`capacity.basis: measured` takes load tests of a server with the model on the device, read where
they keep the latency objective, else the best decode and prefill records that do. `predicted` takes
the calibrated serving model. Where what was asked for isn't there, the next best is taken and a
finding says so: nothing passes for a measurement that isn't one. Rents and prices of a device in
the catalogue come from its dated rows. Whatever the scenario states itself goes before all of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from modelworth.costmodel.analysis import Finding, MeasurementUse
from modelworth.costmodel.business import capacity_measured, chain_measured, trends
from modelworth.costmodel.business.capacity_measured import Evidence
from modelworth.costmodel.business.catalog_prices import ON_DEMAND, PURCHASE, priced
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

NOTHING_MEASURED: Final = "C01"
PREDICTED_INSTEAD: Final = "C02"
NOT_PREDICTED: Final = "C03"
PRICED: Final = {
    "rented": (ON_DEMAND, "C05", "usd_per_gpu_hour"),
    "owned": (PURCHASE, "C08", "usd_per_gpu"),
}
"""How devices are had → the price that must be known, what is said without, its value's name."""


@dataclass(frozen=True, slots=True)
class Resolved(Evidence):
    """What measurements, predictions and the catalogue give, and their evidence.

    Attributes:
        studies: the runs of studies under settings other than the capacity.
    """

    studies: tuple[Measurement, ...] = ()

    @property
    def measurements(self) -> tuple[MeasurementUse, ...]:
        """The records as a reader needs them."""
        return tuple(_use(record) for record in (*self.records, *self.studies))


def resolve(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Resolved:
    """What holds beside the scenario's own settings.

    Raises:
        InputError: if the catalogue doesn't know the scenario's device or model, or that device
            can't serve it within the objective, with what would.
    """
    try:
        return _resolved(scenario, measurements, catalog)
    except InputError as error:
        where = f"{scenario.name}.yaml: capacity: {error.where}"
        raise error.at(where) from error


def _resolved(
    scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog
) -> Resolved:
    chain = chain_measured.evidence(scenario, measurements, catalog)
    measurements = [record for record in measurements if record.study is None]
    wanted = scenario.word("capacity.basis")
    evidence = Evidence()
    if wanted == "measured":
        evidence = _measured(scenario, measurements, catalog)
    findings = list(evidence.findings)
    if not evidence.settings and wanted != "given":
        predicted = _predicted(scenario, measurements, catalog)
        if wanted == "measured":
            code = PREDICTED_INSTEAD if predicted.settings else NOTHING_MEASURED
            findings.append(_missing(code, scenario))
        elif not predicted.settings:
            findings.append(_missing(NOT_PREDICTED, scenario))
        findings += predicted.findings
        evidence = predicted
    prices = priced(scenario, catalog, evidence.device, evidence.cpu_cores)
    findings += _unpriced(scenario, prices, evidence.device)
    built = _built(scenario, catalog)
    settings = {
        **trends.settings(scenario),
        **prices,
        **built.settings,
        **chain.settings,
        **evidence.settings,
    }
    predictions = (*evidence.predictions, *built.predictions, *chain.predictions)
    findings += chain.findings
    return Resolved(settings, evidence.records, predictions, tuple(findings), studies=chain.records)


def _predicted(
    scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog
) -> Evidence:
    """By the calibrated model, which is slow to import: only where a model and device are named."""
    if scenario.hardware.model is None or scenario.hardware.accelerator is None:
        return Evidence()
    from modelworth.costmodel.business import capacity_predicted

    return capacity_predicted.evidence(scenario, measurements, catalog)


def _built(scenario: Scenario, catalog: Catalog) -> Evidence:
    """Of the model that is built, where the plan builds one that is named."""
    if scenario.word("building.method") == "none" or scenario.hardware.model is None:
        return Evidence()
    from modelworth.costmodel.business import building_predicted

    return building_predicted.evidence(scenario, catalog)


def _measured(
    scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog
) -> Evidence:
    """Load tests of the named model before single steps; of an unnamed one after them."""
    ways = [capacity_measured.evidence]
    if any(record.workload.kind == "serve" for record in measurements):
        from modelworth.costmodel.business import capacity_served

        ways.insert(0, capacity_served.evidence)
    findings: tuple[Finding, ...] = ()
    for way in ways if scenario.hardware.model else reversed(ways):
        found = way(scenario, measurements, catalog)
        if found.settings:
            return found
        findings += found.findings
    return Evidence(findings=findings)


def _missing(code: str, scenario: Scenario) -> Finding:
    """That something else stands where a measurement or prediction was asked for."""
    hardware = scenario.hardware
    values: dict[str, float | str] = {
        "model": hardware.model or "any decoder",
        "device": hardware.accelerator or "this machine",
    }
    return Finding(code, "warning", "capacity.basis", values)


def _unpriced(
    scenario: Scenario, prices: Mapping[str, Setting], device: str | None
) -> list[Finding]:
    """That the device's rent or price isn't known, so that another device's stands in its place."""
    named = scenario.hardware.accelerator or device
    key, code, name = PRICED.get(scenario.word("compute.serving"), ("", "", ""))
    if named is None or not key or key in prices or key in scenario.settings:
        return []
    return [Finding(code, "warning", key, {"device": named, name: scenario.number(key)})]


def _use(record: Measurement) -> MeasurementUse:
    result = record.result
    rate = result.throughput_per_s if result else None
    return MeasurementUse(
        id=record.id,
        model=record.model.name,
        device=record.machine.device,
        kind=record.workload.kind,
        throughput_per_s=rate.value if rate else None,
        low=rate.low if rate else None,
        high=rate.high if rate else None,
        unit=result.unit if result else None,
        recorded_at=record.recorded_at.isoformat(),
        origin=record.provenance.origin,
    )
