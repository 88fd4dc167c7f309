"""What the store's studies say about a plan: privacy, explanations, data, loss, quality by size.

`trust.basis`, `building.data_basis`, `building.loss_basis` and `demand.accepted_basis` ask for it.
A figure counts as measured up to ten times beyond the sizes and tokens that were studied; further
it is extrapolated: the value of the nearest run, with an interval that widens by each decade, and
a finding that says how far. Nothing passes for a measurement of a model that nobody trained here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelworth.costmodel.analysis import Finding, PredictionUse
from modelworth.costmodel.architecture.loss_fit import REACH, LawFit
from modelworth.costmodel.architecture.loss_records import fitted, learned
from modelworth.costmodel.architecture.scaling_law import tokens_for_loss
from modelworth.costmodel.business import chain_data, chain_quality, chain_trust
from modelworth.costmodel.business.capacity_measured import Evidence
from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement
from modelworth.data.words import Basis

NOTHING_STUDIED: Final = "S01"
BEYOND: Final = "S02"
SIZE: Final = "building.active_parameters"
CORE_HOUR: Final = "compute.cpu_core_usd_per_hour"
#: factor by which either end of an interval moves for each decade beyond the reach; judgement
WIDER_PER_DECADE: Final = 1.5
LAW: Final = {
    "building.loss_floor": "irreducible",
    "building.loss_parameters_scale": "a",
    "building.loss_tokens_scale": "b",
    "building.loss_parameters_exponent": "alpha",
    "building.loss_tokens_exponent": "beta",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A driver's value from runs, with its ends and how far the plan lies beyond them (1: not)."""

    key: str
    ends: tuple[float, float, float]
    beyond: float
    records: tuple[Measurement, ...]


def evidence(scenario: Scenario, measurements: Sequence[Measurement], catalog: Catalog) -> Evidence:
    """Settings from the studies that the scenario asks for.

    Raises:
        InputError: if the loss that it wants can't be reached by the law that was measured.
    """
    studies = [it for it in measurements if it.study is not None]
    found: list[Found] = []
    findings: list[Finding] = []
    predictions: tuple[PredictionUse, ...] = ()
    settings: dict[str, Setting] = {}
    if scenario.word("trust.basis") == "measured":
        found += _trust(scenario, studies, catalog, findings)
    if scenario.word("building.data_basis") == "measured":
        found += _data(scenario, studies, findings)
    if scenario.word("demand.accepted_basis") == "measured":
        found += _quality(scenario, studies, catalog, findings)
    if _wants_law(scenario):
        law = _law(scenario, studies, catalog, findings)
        settings, predictions = law.settings_and_use if law else ({}, ())
    findings += [_beyond(it) for it in found if it.beyond > REACH and _matters(scenario, it.key)]
    settings |= {it.key: _setting(it) for it in found}
    records = {it.id: it for one in found for it in one.records}
    if predictions:
        records |= {it.id: it for it in learned(studies)}
    return Evidence(settings, tuple(records.values()), predictions, tuple(findings))


def _trust(
    scenario: Scenario,
    studies: Sequence[Measurement],
    catalog: Catalog,
    findings: list[Finding],
) -> list[Found]:
    """Slowdowns, lost quality and the cost of an explanation."""
    found = []
    trained, served = _trained(scenario, catalog), _served(scenario, catalog)
    for key, runs in chain_trust.slowdowns(studies).items():
        found.append(_nearest(key, runs, trained))
    lost = chain_trust.quality_loss(
        studies, scenario.word("trust.private_training"), scenario.number("trust.epsilon")
    )
    if lost:
        found.append(_nearest("trust.private_quality_loss_share", lost, trained))
        at = chain_trust.epsilon(lost[0].records[0])
        found.append(Found("trust.reference_epsilon", (at, at, at), 1.0, lost[0].records))
    explained = chain_trust.explanations(studies)
    if explained:
        length = scenario.number("demand.prompt_tokens_per_request")
        found.append(_nearest("trust.explanation_factor", explained, served, length))
    for study, promised in (("privacy", _private(scenario)), ("explain", _explained(scenario))):
        if promised and not any(it.study and it.study.name == study for it in studies):
            findings.append(_nothing("trust.basis", study))
    return found


def _private(scenario: Scenario) -> bool:
    return scenario.word("trust.private_training") != "none"


def _explained(scenario: Scenario) -> bool:
    return scenario.number("trust.explained_share") > 0


def _matters(scenario: Scenario, key: str) -> bool:
    """Whether a driver is in use: of the slowdowns one, the cost of reasons if any are given."""
    if key == "trust.explanation_factor":
        return _explained(scenario)
    if key.endswith("_slowdown_factor"):
        return scenario.word("trust.private_training") == key.split(".")[1].split("_")[0]
    return True


def _data(
    scenario: Scenario, studies: Sequence[Measurement], findings: list[Finding]
) -> list[Found]:
    """Cost of cleaning, share kept and bytes of a token."""
    hours, kept = chain_data.core_hours_per_tb(studies), chain_data.kept_share(studies)
    if hours is None or kept is None:
        findings.append(_nothing("building.data_basis", "data"))
        return []
    stages = chain_data.stage_records(studies)
    figures = stages["tokenise"].study.figures if stages["tokenise"].study else {}
    usd = scenario.number(CORE_HOUR)
    tokens = "pretraining" if scenario.word("building.method") == "pretrain" else "finetuning"
    beyond = scenario.number(f"building.{tokens}_tokens") / figures["tokens"].value
    size = figures["bytes_per_token"].value
    cost = (hours[0] * usd, hours[1] * usd, hours[2] * usd)
    records = tuple(stages.values())
    return [
        Found("building.cleaning_usd_per_tb", cost, beyond, records),
        Found("building.keep_share", (kept, kept, kept), beyond, records),
        Found("building.bytes_per_token", (size, size, size), beyond, (stages["tokenise"],)),
    ]


def _quality(
    scenario: Scenario,
    studies: Sequence[Measurement],
    catalog: Catalog,
    findings: list[Finding],
) -> list[Found]:
    """How often the served model is right at the plan's task, by its size."""
    runs = chain_quality.by_size(studies, scenario.word("demand.accepted_task"))
    if not runs:
        findings.append(_nothing("demand.accepted_basis", "learning"))
        return []
    size = _served(scenario, catalog)
    beyond = max(1.0, size / runs[-1].parameters, runs[0].parameters / size)
    ends, records = chain_quality.share_at(runs, size), tuple(run.record for run in runs)
    return [Found("demand.accepted_share", ends, beyond, records)]


def _nearest(
    key: str, runs: Sequence[chain_trust.Point], size: float, length: float | None = None
) -> Found:
    """The run nearest to a size; its ends hold those of all others, too."""
    nearest = min(runs, key=lambda run: abs(math.log(run.parameters / size)))
    ends = (
        nearest.ends[0],
        min(run.ends[1] for run in runs),
        max(run.ends[2] for run in runs),
    )
    sizes = [run.parameters for run in runs]
    beyond = max(1.0, size / max(sizes), min(sizes) / size)
    lengths = [run.length for run in runs if run.length]
    if length is not None and lengths:
        beyond = max(beyond, length / max(lengths), min(lengths) / length)
    return Found(key, ends, beyond, tuple(it for run in runs for it in run.records))


@dataclass(frozen=True, slots=True)
class _Law:
    """A law that the plan rests on, and where the plan asks it."""

    fit: LawFit
    parameters: float
    tokens: float
    records: tuple[Measurement, ...]

    @property
    def settings_and_use(self) -> tuple[dict[str, Setting], tuple[PredictionUse, ...]]:
        """The law's constants as drivers, and the loss that the plan counts on as a prediction.

        The constants belong together, so none of them is drawn alone.
        """
        basis = _basis(self.fit.reach(self.parameters, self.tokens))
        ids = tuple(it.id for it in self.records)
        settings = {
            key: Setting(
                getattr(self.fit.law, name),
                source=self.fit.law.source,
                as_of=_day(self.records),
                basis=basis,
                measurement_ids=ids,
            )
            for key, name in LAW.items()
        }
        value, low, high = self.fit.predicted(self.parameters, self.tokens)
        note = "; ".join((self.fit.law.source, *self.fit.doubts))
        use = PredictionUse("building.target_loss", "nats/token", value, low, high, basis, note)
        return settings, (use,)


def _wants_law(scenario: Scenario) -> bool:
    return (
        scenario.word("building.loss_basis") == "measured"
        and scenario.word("building.method") == "pretrain"
        and scenario.word("building.tokens_basis") == "for_loss"
    )


def _law(
    scenario: Scenario,
    studies: Sequence[Measurement],
    catalog: Catalog,
    findings: list[Finding],
) -> _Law | None:
    records = learned(studies)
    fit = fitted(records)
    if fit is None:
        findings.append(_nothing("building.loss_basis", "learning"))
        return None
    size, target = _trained(scenario, catalog), scenario.number("building.target_loss")
    try:
        tokens = float(tokens_for_loss(fit.law, target, size))
    except InputError as error:
        raise InputError(
            "building.target_loss", target, f"a loss that the measured law reaches: {error.allowed}"
        ) from error
    beyond = fit.reach(size, tokens)
    if beyond > REACH:
        findings.append(_beyond(Found("building.target_loss", (target,) * 3, beyond, records)))
    return _Law(fit, size, tokens, records)


def _trained(scenario: Scenario, catalog: Catalog) -> float:
    """Parameters of the model that is trained: those stated, else those of the model served."""
    if SIZE in scenario.settings:
        return scenario.number(SIZE)
    return _served(scenario, catalog)


def _served(scenario: Scenario, catalog: Catalog) -> float:
    """Parameters of the model that is served."""
    if scenario.hardware.model is not None:
        return float(catalog.model(scenario.hardware.model).parameters_active)
    return scenario.number(SIZE)


def _setting(found: Found) -> Setting:
    """The driver's setting: certain where there is no interval, else drawn from it."""
    row = load_drivers()[found.key]
    least = -math.inf if row.minimum is None else row.minimum
    most = math.inf if row.maximum is None else row.maximum
    wider = WIDER_PER_DECADE ** max(0.0, math.log10(found.beyond / REACH))
    ends = (found.ends[0], found.ends[1] / wider, found.ends[2] * wider)
    value, low, high = (min(max(it, least), most) for it in ends)
    spec: dict[str, Any] | None = None
    if low < value < high:
        spec = {"low": low, "mode": value, "high": high}
    drawn = parse(found.key, spec, (row.minimum, row.maximum)) if spec else None
    count = len(found.records)
    return Setting(
        value,
        drawn,
        spec,
        source=f"{count} runs of modelworth study, on {found.records[-1].machine.device}",
        as_of=_day(found.records),
        basis=_basis(found.beyond),
        measurement_ids=tuple(it.id for it in found.records),
    )


def _basis(beyond: float) -> Basis:
    return "measured" if beyond <= REACH else "extrapolated"


def _day(records: Sequence[Measurement]) -> str:
    return max(it.recorded_at for it in records).date().isoformat()


def _nothing(path: str, study: str) -> Finding:
    return Finding(NOTHING_STUDIED, "warning", path, {"study": study})


def _beyond(found: Found) -> Finding:
    return Finding(BEYOND, "warning", found.key, {"driver": found.key, "factor": found.beyond})
