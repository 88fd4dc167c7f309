"""Which drivers a reader looks for, and how two scenarios differ."""

from __future__ import annotations

import pandas as pd

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.dashboard.parts import driver_table
from modelworth.report import said
from modelworth.report.words import Words

MATTERS = "matters"


def found_drivers(
    analysis: Analysis, words: Words, section: str, wanted: str, *, only_changed: bool
) -> list[str]:
    """Keys of the drivers to show: of the section, or of all where something is searched for."""
    text = wanted.strip().casefold()
    if section == MATTERS and not text:
        listed = driver_table.what_matters(analysis)
        return [key for key in listed if analysis.drivers[key].changed or not only_changed]
    found = []
    for key, use in analysis.drivers.items():
        here = text in f"{words.name(key)} {key}".casefold() if text else use.section == section
        if here and (use.changed or not only_changed):
            found.append(key)
    return found


def changed(base: Scenario, now: Scenario, words: Words) -> pd.DataFrame:
    """A row for each driver on which two scenarios don't agree."""
    keys = {**base.settings, **now.settings}
    drivers = load_drivers()
    rows = [
        {
            "driver": words.name(key),
            "before": _shown(base, words, key),
            "now": _shown(now, words, key),
            "key": key,
        }
        for key in drivers
        if key in keys and base.settings.get(key) != now.settings.get(key)
    ]
    return pd.DataFrame(rows)


def _shown(scenario: Scenario, words: Words, key: str) -> str:
    """The value, with its range where it has one."""
    text = said.driver_value(words, key, scenario.number(key))
    setting = scenario.settings.get(key)
    spec = (setting.spec if setting else None) or {}
    span = words.range(spec.get("low"), spec.get("high"), load_drivers()[key].unit)
    return f"{text} ({span})" if span else text
