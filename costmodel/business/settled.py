"""What every driver of a scenario stands at, before anything is computed.

The scenario's own settings go before what measurements, predictions and the catalogue say, and
these before the table's defaults. Three things follow from the whole of it: the prices at which the
plan's volume holds are its own in the base case; winning a customer costs what is stated, or else
months of what a customer brings; and the base case takes the mode, mean or median by choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario import default_ranges
from modelworth.costmodel.scenario.drivers import ANCHORS, load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog

BASIS: Final = "company.acquisition_basis"
TOKENS: Final = "building.pretraining_tokens"
STATED: Final = ("company.acquisition_usd_per_customer", "company.acquisition_usd_per_seat")


def settle(scenario: Scenario, extra: Mapping[str, Setting]) -> dict[str, Setting]:
    """The scenario's settings over `extra`, completed by what follows from them."""
    settings = {**extra, **scenario.settings}
    if scenario.word("simulation.defaults") == "ranges":
        model = Model(scenario.months)
        used = {key: model.drivers[key] for key in sorted(model.drivers_of("npv_usd"))}
        settings = {**default_ranges.settings(used, settings), **settings}
    settings = _base_case(settings, scenario.word("simulation.base_case"))
    return {**_anchors(settings), **_acquisition(settings), **settings}


def _base_case(settings: Mapping[str, Setting], taken: str) -> dict[str, Setting]:
    """Uncertain drivers at their mode, mean or median."""
    if taken == "mode":
        return dict(settings)
    return {key: _at(setting, taken) for key, setting in settings.items()}


def _at(setting: Setting, taken: str) -> Setting:
    drawn = setting.distribution
    if drawn is None:
        return setting
    value = drawn.mean if taken == "mean" else float(drawn.ppf(np.array([0.5]))[0])
    return replace(setting, value=float(value))


def _anchors(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Volume holds at the plan's own prices, unless the scenario says at which."""
    drivers = load_drivers()
    return {
        anchor: replace(settings[own], distribution=None, spec=None)
        if own in settings
        else Setting(drivers[own].default, source=drivers[own].source, as_of=drivers[own].as_of)
        for own, anchor in ANCHORS.items()
    }


def _acquisition(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """By what a customer brings, where no cost is stated."""
    if any(key in settings for key in STATED):
        return {}
    by_revenue = load_drivers()[BASIS].number(BASIS, "revenue")
    return {BASIS: Setting(by_revenue, source="no cost of winning a customer is stated")}


def model_sizes(scenario: Scenario, catalog: Catalog) -> dict[str, float]:
    """Size of the scenario's model and the tokens for it, for options that pre-train or tune it.

    Where the plan doesn't pre-train, tokens follow the parameters (20 to one unless stated).
    """
    sizes: dict[str, float] = {}
    if scenario.word("building.method") != "pretrain" and TOKENS not in scenario.settings:
        row = load_drivers()["building.tokens_basis"]
        sizes[row.key] = row.number(row.key, "compute_optimal")
    if scenario.hardware.model is not None:
        model = catalog.model(scenario.hardware.model)
        sizes["building.active_parameters"] = float(model.parameters_active)
    return sizes
