"""The sections that let a reader check: measured, predicted, assumed, computed, reproducible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelworth.costmodel.analysis import DriverUse, MeasurementUse
from modelworth.costmodel.prediction.step.coefficients import KNOWN, shipped_tables
from modelworth.report import said
from modelworth.report.said import BASES
from modelworth.report.sections.blocks import (
    BarChart,
    Bars,
    Block,
    Code,
    Graphic,
    Paragraph,
    Table,
    clean,
)
from modelworth.report.sections.context import Context
from modelworth.report.sections.formula_words import in_words

MOST_MEASURED_BARS = 12
YOUNG_MONTHS = 36
RECORDED = ("train dense", "train experts", "forward", "serve dense", "serve experts")
"""Groups of predictions whose record a reader is shown."""


def measurements(context: Context) -> list[Block]:
    """What was measured, on what, when, how precisely."""
    t, used = context.t, context.analysis.measurements
    if not used:
        return [Paragraph(t("measurements.none"), "note")]
    table = context.table(
        used,
        ("model", 1.9, lambda use: clean(use.model)),
        ("device", 1.9, lambda use: clean(use.device)),
        ("work", 1.1, lambda use: context.words.t(f"kind.{use.kind}")),
        ("throughput", 1.6, lambda use: context.value(use.throughput_per_s, _per_s(use)), True),
        (
            "interval",
            1.9,
            lambda use: context.words.bare_range(use.low, use.high, _per_s(use)),
            True,
        ),
        ("recorded", 1.3, lambda use: clean(use.recorded_at[:10])),
        ("origin", 1.2, lambda use: t(f"origin.{use.origin}")),
        ("id", 1.1, lambda use: clean(use.id[:8])),
    )
    blocks: list[Block] = [Paragraph(t("measurements.reading", count=len(used))), table]
    chart = _throughput(context, used)
    return [*blocks, chart] if chart else blocks


def details(context: Context) -> list[Block]:
    """The measured rates as a chart, and the predictions as a table; what there is of them."""
    chart = _throughput(context, context.analysis.measurements)
    table = [_predictions_table(context)] if context.analysis.predictions else []
    return [*table, chart] if chart else [*table]


def _per_s(use: MeasurementUse) -> str:
    return f"{use.unit}_per_s" if use.unit else "per_s"


def _throughput(context: Context, used: tuple[MeasurementUse, ...]) -> Graphic | None:
    """Throughput with its interval; only of the unit most measured, as others don't compare."""
    units = [use.unit for use in used if use.throughput_per_s is not None]
    if not units:
        return None
    unit = max(sorted(set(units), key=str), key=units.count)
    chosen = [use for use in used if use.unit == unit and use.throughput_per_s is not None]
    chosen = chosen[:MOST_MEASURED_BARS]
    names = tuple(clean(f"{use.model} · {use.kind} · {use.id[:4]}", 44) for use in chosen)
    bars = Bars(
        context.t("column.throughput"),
        tuple(use.throughput_per_s for use in chosen),
        tuple(use.low for use in chosen),
        tuple(use.high for use in chosen),
    )
    title, axis = context.t("chart.throughput"), context.words.unit(f"{unit}_per_s")
    chart = BarChart("throughput", title, axis, names, (bars,))
    return Graphic(chart, context.t("reading.throughput"))


def predictions(context: Context) -> list[Block]:
    """What was predicted, its interval, and how such predictions have done."""
    if not context.analysis.predictions:
        return [Paragraph(context.t("predictions.none"), "note")]
    reading = Paragraph(context.t("predictions.reading"))
    return [reading, _predictions_table(context), *_record(context)]


def _predictions_table(context: Context) -> Table:
    words = context.words
    return context.table(
        context.analysis.predictions,
        ("predicted", 2.4, lambda use: context.name(use.key)),
        ("value", 1.4, lambda use: context.value(use.value, use.unit), True),
        ("interval_90", 1.9, lambda use: words.range(use.low, use.high, use.unit), True),
        ("basis", 1.2, lambda use: context.t(f"basis.{use.basis}")),
        ("note", 3, lambda use: clean(said.source(words, use.note), 400)),
    )


def _record(context: Context) -> list[Block]:
    """How far such predictions were off on published figures that their fit had not seen."""
    t = context.t
    rows = (
        row for row in shipped_tables().intervals if row.group in RECORDED and row.distance == KNOWN
    )
    number = context.words.number
    table = context.table(
        rows,
        ("predicted", 2.4, lambda row: context.known(f"report.predicted.{row.group}", row.group)),
        ("unseen", 3, lambda _: t("unseen.0")),
        ("within", 1.6, lambda row: t("within_factor", factor=number(math.exp(row.log90))), True),
        ("rows", 1, lambda row: str(row.rows), True),
    )
    return [Paragraph(t("record.reading")), table]


def assumptions(context: Context) -> list[Block]:
    """Every driver that the plan uses, with its value, basis, source and age, by subject."""
    t, used = context.t, context.used.drivers
    drivers = [use for key, use in context.analysis.drivers.items() if key in used]
    counted = {basis: sum(driver.basis == basis for driver in drivers) for basis in BASES}
    shares = t("list.join").join(
        t("assumptions.count", basis=t(f"basis.{basis}"), count=count)
        for basis, count in counted.items()
        if count
    )
    reading = t(
        "assumptions.used", used=len(drivers), count=len(context.analysis.drivers), shares=shares
    )
    blocks: list[Block] = [Paragraph(reading)]
    for section in dict.fromkeys(driver.section for driver in drivers):
        chosen = [driver for driver in drivers if driver.section == section]
        blocks += [Paragraph(t(f"group.{section}"), "lead"), _drivers(context, chosen)]
    return blocks


def _drivers(context: Context, drivers: list[DriverUse]) -> Table:
    return context.table(
        drivers,
        ("driver", 2.6, lambda use: context.name(use.key) + (" *" if use.changed else "")),
        ("value", 1.6, lambda use: clean(said.setting(context.words, use)), True),
        ("distribution", 2.2, lambda use: distribution(context, use.distribution, use.unit)),
        ("basis", 1.2, lambda use: context.t(f"basis.{use.basis}")),
        ("source", 3.2, lambda use: source(context, use.source)),
        ("age", 1.4, lambda use: age(context, use)),
    )


def distribution(context: Context, given: dict[str, Any] | None, unit: str) -> str:
    """A distribution as the scenario wrote it: its kind and numbers."""
    shown = (_parameter(context, key, value, unit) for key, value in (given or {}).items())
    return clean(", ".join(shown))


def _parameter(context: Context, key: str, value: Any, unit: str) -> str:
    word = context.known(f"report.distribution.{key}", clean(key, 40))
    if isinstance(value, Mapping):
        return f"{word}: {distribution(context, dict(value), unit)}"
    if isinstance(value, list | tuple):
        return context.t("distribution.values", count=len(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{word} {clean(value, 40)}"
    return f"{word} {clean(context.words.bare(value, unit))}"


def source(context: Context, text: str) -> str:
    """Where a value comes from: in the reader's language where it is words, else as it is."""
    return clean(said.source(context.words, text), 240) or context.t("no_source")


def age(context: Context, driver: DriverUse) -> str:
    """The source's date, with its age where that is known."""
    if driver.stale_days is None:
        return clean(driver.as_of or "", 20)
    day, months = clean(driver.as_of or "", 20), round(driver.stale_days / 30.4)
    if months > YOUNG_MONTHS:
        return context.t("age_years", date=day, years=months // 12)
    return context.t("age_months", date=day, months=months)


def formulas(context: Context) -> list[Block]:
    """Every line that the plan uses, as a sentence."""
    t, used, lines = context.t, context.used.lines, context.analysis.lines
    shown = [line for key, line in lines.items() if key in used]
    if not shown:
        return []
    table = context.table(
        shown,
        ("line", 2, lambda line: context.name(line.key)),
        ("unit", 1, lambda line: context.words.unit(line.unit)),
        ("formula", 5.4, lambda line: clean(in_words(context, line.formula), 900)),
        ("source", 1.6, lambda line: source(context, line.source)),
    )
    return [Paragraph(t("formulas.used", used=len(shown), count=len(lines))), table]


def reproduce(context: Context) -> list[Block]:
    """The command, the versions and the hashes that make this report again."""
    t, origin = context.t, context.analysis.provenance
    facts = {
        "scenario_sha256": origin.scenario_sha256,
        "store_digest": origin.store_digest or t("no_store"),
        "store_measurements": str(origin.store_measurements),
        "seed": str(origin.seed),
        "trials": str(origin.trials),
        **{f"version {name}": version for name, version in sorted(origin.versions.items())},
    }
    columns = context.heads(("what", 1.4), ("value", 4))
    rows = tuple((clean(_fact(context, key)), clean(value)) for key, value in facts.items())
    return [
        Paragraph(t("reproduce.reading")),
        Code((clean(origin.command, 600),)),
        Table(columns, rows),
    ]


def _fact(context: Context, key: str) -> str:
    return key.removeprefix("version ") if key.startswith("version ") else context.t(f"fact.{key}")
