"""Size and training speed of the scenario's model, from the catalogue and the training model.

`building.mfu_basis: predicted` searches the best layout of `capacity.model` on `building.gpus` of
its devices and takes the utilisation of its steps: 6 FLOPs a parameter and token, as the lines of a
plan count, so that its hours are the layout's to the last digit. Failures are goodput's business.
"""

from __future__ import annotations

from typing import Final

from modelworth.costmodel.analysis import PredictionUse
from modelworth.costmodel.architecture.read import read_model
from modelworth.costmodel.business.capacity_measured import Evidence
from modelworth.costmodel.business.capacity_predicted import as_uncertain
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.layouts import sequences_of
from modelworth.costmodel.prediction.predictor import Predictor
from modelworth.costmodel.prediction.step.device import rate_used
from modelworth.costmodel.prediction.training_run import (
    FLOPS_PER_PARAMETER_AND_TOKEN,
    plan_training,
)
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Accelerator, Catalog, ModelEntry
from modelworth.data.errors import InputError

MFU: Final = "building.mfu_share"
#: the largest cluster that the training model was calibrated on
CALIBRATED_DEVICES: Final = 1024
#: a run of any length: utilisation doesn't depend on it
RUN_TOKENS: Final = 1e9


def evidence(scenario: Scenario, catalog: Catalog) -> Evidence:
    """What is known about the model to be built, which the scenario names.

    Raises:
        InputError: if utilisation is to be predicted without a model and device, or no layout fits.
    """
    hardware = scenario.hardware
    assert hardware.model is not None
    model = catalog.model(hardware.model)
    size = Setting(
        float(model.parameters_active), source=model.source, as_of=model.as_of, basis="published"
    )
    settings = {"building.active_parameters": size}
    if scenario.word("building.mfu_basis") == "given":
        return Evidence(settings)
    if hardware.accelerator is None:
        advice = "name the device, so that its utilisation can be predicted"
        raise InputError("accelerator", "missing", advice=advice)
    found = _utilisation(scenario, model, catalog.accelerator(hardware.accelerator), catalog)
    interval = (found.low or 0.0, found.high or 0.0)
    mfu = as_uncertain(MFU, found.value, interval, found.note, found.basis)
    return Evidence(settings | {MFU: mfu}, predictions=(found,))


def _utilisation(
    scenario: Scenario, model: ModelEntry, accelerator: Accelerator, catalog: Catalog
) -> PredictionUse:
    """Model FLOPs utilisation of the best layout's steps, with its interval."""
    length = int(scenario.number("building.sequence_tokens"))
    devices = int(scenario.number("building.gpus"))
    case = Case.on(
        read_model(model.config, model.name),
        accelerator,
        work="train",
        gpus=devices,
        tokens=length,
        global_batch=sequences_of(scenario.number("building.batch_tokens"), length, devices),
    )
    plan = plan_training(case, RUN_TOKENS, Predictor(catalog))
    peak = accelerator.matmul_flops_per_s[rate_used(accelerator, case.precision)] or 1.0
    flops = FLOPS_PER_PARAMETER_AND_TOKEN * model.parameters_active
    value = flops * plan.best.tokens_per_s_per_device / peak
    found = plan.best
    factor = (found.high or 0.0) / (found.value or 1.0)
    within = found.basis if devices <= CALIBRATED_DEVICES else "extrapolated"
    note = f"best layout of {model.name} on {devices:,} × {accelerator.name}"
    return PredictionUse(
        MFU, "share", value, value / factor, min(value * factor, 0.75), within or "assumed", note
    )
