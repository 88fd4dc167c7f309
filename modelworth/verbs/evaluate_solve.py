"""`modelworth evaluate --solve`: where any driver brings any indicator to a target."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.costmodel.analysis import Analysis
    from modelworth.costmodel.scenario.scenario import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the question."""
    parser.add_argument(
        "--solve", metavar="DRIVER", help="every value of a driver that meets --target"
    )
    parser.add_argument(
        "--target", metavar="INDICATOR=VALUE", default="npv_usd=0",
        help="what --solve should reach (default: npv_usd=0)",
    )  # fmt: skip
    parser.add_argument(
        "--between", nargs=2, type=float, metavar=("LOW", "HIGH"),
        help="where --solve looks; else its plausible range and a decade around the plan",
    )  # fmt: skip


def solve(scenario: Scenario, analysis: Analysis, options: argparse.Namespace) -> int:
    """Print every solution, or the range that the indicator kept to."""
    from modelworth.costmodel.business.model import Model
    from modelworth.costmodel.risk.flips import break_even
    from modelworth.costmodel.risk.maps import values_of
    from modelworth.costmodel.scenario.drivers import ANCHORS

    model = Model(analysis.months)
    indicator, target = _target(options.target)
    if indicator not in model.indicator_keys:
        allowed = f"an indicator, such as {', '.join(model.indicator_keys[:4])}"
        raise InputError("--target", indicator, allowed)
    row = model.drivers.get(options.solve)
    if row is None or row.kind not in ("number", "integer"):
        raise InputError("--solve", options.solve, "a driver of data/drivers.csv that is a number")
    span = _span(options.between, row.minimum, row.maximum)
    values = values_of(analysis, scenario)
    setting = scenario.settings.get(options.solve)
    own = setting.distribution if setting is not None else None
    found, seen = break_even(model, values, options.solve, indicator, target, span, own)
    if options.json:
        print(json.dumps({
            "driver": found.driver, "unit": found.unit, "indicator": indicator, "target": target,
            "values": found.values, "jumps": seen.jumps, "least": seen.least, "most": seen.most,
            "searched": [found.searched_low, found.searched_high], "points": seen.points,
            "reached": found.reached,
        }))  # fmt: skip
        return 0
    where = f"for {found.driver} from {found.searched_low:,.6g} to {found.searched_high:,.6g}"
    print(f"{indicator} = {target:,.6g} {where} ({found.unit}), in the base case")
    if not found.demand_answers:
        print("  demand doesn't answer the price in this plan (demand.price_elasticity is 0)")
    elif found.driver in ANCHORS:
        print("  demand answers the price; --set demand.price_elasticity=0 holds the volume")
    for value, jump in zip(found.values, seen.jumps, strict=True):
        print(f"  {value:,.6g}{'   (jumps over it: a step of capacity)' if jump else ''}")
    for low, high in found.reached if found.values else ():
        print(f"  {indicator} is {target:,.6g} or more from {low:,.6g} to {high:,.6g}")
    if not found.values:
        kept = "it has no value there"
        if seen.least is not None and seen.most is not None:
            kept = f"it keeps to {seen.least:,.6g} to {seen.most:,.6g}"
        print(f"  nowhere: at {seen.points:,} points {kept}")
    return 0


def _target(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise InputError("--target", text, "INDICATOR=VALUE, such as npv_usd=0") from None


def _span(
    between: list[float] | None, least: float | None, most: float | None
) -> tuple[float, float] | None:
    """The range asked for, if the driver may take all of it."""
    if between is None:
        return None
    low, high = between
    if (least is not None and low < least) or (most is not None and high > most):
        raise InputError("--between", f"{low:g} {high:g}", f"within {least} to {most}")
    return low, high
