"""The sections that let a reader check: measured, predicted, assumed, computed, reproducible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelworth.costmodel.analysis import DriverUse, MeasurementUse, PredictionUse
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
    columns = context.heads(
        ("model", 1.9), ("device", 1.9), ("work", 1.1), ("throughput", 1.6, True),
        ("interval", 1.9, True), ("recorded", 1.3), ("origin", 1.2), ("id", 1.1),
    )  # fmt: skip
    rows = tuple(_measurement_row(context, use) for use in used)
    blocks: list[Block] = [
        Paragraph(t("measurements.reading", count=len(used))),
        Table(columns, rows),
    ]
    chart = _throughput(context, used)
    return [*blocks, chart] if chart else blocks


def details(context: Context) -> list[Block]:
    """The measured rates as a chart, and the predictions as a table; what there is of them."""
    chart = _throughput(context, context.analysis.measurements)
    table = [_predictions_table(context)] if context.analysis.predictions else []
    return [*table, chart] if chart else [*table]


def _measurement_row(context: Context, use: MeasurementUse) -> tuple[str, ...]:
    unit = f"{use.unit}_per_s" if use.unit else "per_s"
    interval = ""
    if use.low is not None and use.high is not None:
        interval = f"{context.words.number(use.low)} – {context.words.number(use.high)}"
    return (
        clean(use.model),
        clean(use.device),
        clean(context.words.t(f"kind.{use.kind}")),
        context.value(use.throughput_per_s, unit),
        interval,
        clean(use.recorded_at[:10]),
        context.t(f"origin.{use.origin}"),
        clean(use.id[:8]),
    )


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
    columns = context.heads(
        ("predicted", 2.4), ("value", 1.4, True), ("interval_90", 1.9, True), ("basis", 1.2),
        ("note", 3),
    )  # fmt: skip
    return Table(
        columns, tuple(_prediction_row(context, use) for use in context.analysis.predictions)
    )


def _record(context: Context) -> list[Block]:
    """How far such predictions were off on published figures that their fit had not seen."""
    t = context.t
    columns = context.heads(
        ("predicted", 2.4), ("unseen", 3), ("within", 1.6, True), ("rows", 1, True),
    )  # fmt: skip
    rows = tuple(
        (
            context.known(f"report.predicted.{row.group}", row.group),
            t("unseen.0"),
            t("within_factor", factor=context.words.number(math.exp(row.log90))),
            str(row.rows),
        )
        for row in shipped_tables().intervals
        if row.group in RECORDED and row.distance == KNOWN
    )
    return [Paragraph(t("record.reading")), Table(columns, rows)]


def _prediction_row(context: Context, use: PredictionUse) -> tuple[str, ...]:
    return (
        context.name(use.key),
        context.value(use.value, use.unit),
        clean(context.words.range(use.low, use.high, use.unit)),
        context.t(f"basis.{use.basis}"),
        clean(said.source(context.words, use.note), 400),
    )


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
    t = context.t
    columns = context.heads(
        ("driver", 2.6), ("value", 1.6, True), ("distribution", 2.2), ("basis", 1.2),
        ("source", 3.2), ("age", 1.4),
    )  # fmt: skip
    rows = tuple(
        (
            context.name(driver.key) + (" *" if driver.changed else ""),
            clean(said.setting(context.words, driver)),
            distribution(context, driver.distribution, driver.unit),
            t(f"basis.{driver.basis}"),
            source(context, driver.source),
            age(context, driver),
        )
        for driver in drivers
    )
    return Table(columns, rows)


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
    t, used = context.t, context.used.lines
    columns = context.heads(
        ("line", 2), ("unit", 1), ("formula", 5.4), ("source", 1.6),
    )  # fmt: skip
    rows = tuple(
        (
            context.name(line.key),
            context.words.unit(line.unit),
            clean(in_words(context, line.formula), 900),
            source(context, line.source),
        )
        for key, line in context.analysis.lines.items()
        if key in used
    )
    count = len(context.analysis.lines)
    reading = Paragraph(t("formulas.used", used=len(rows), count=count))
    return [reading, Table(columns, rows)] if rows else []


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
