"""Measurements made ready for charts: derived columns, the newest of each case, what to leave out.

Nothing here is a figure of its own: utilisation is the larger of the two recorded ones, the ceiling
is the recorded throughput at a utilisation of one, memory is the first peak that was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from modelworth.costmodel.prediction.energy import usd_per_million
from modelworth.costmodel.prediction.published_rows import measured_rows
from modelworth.dashboard.parts import offers
from modelworth.data import comparison
from modelworth.data.catalog import Catalog
from modelworth.data.measurement import Measurement
from modelworth.report.charts import Point
from modelworth.report.words import Words

MOST_POINTS = 1000
"""Points that a chart can show and a browser draw without delay."""
MOST_CASES = 200
LATENCIES = ("tpot", "ttft", "e2e")
PERCENTILES = ("p95", "p99", "p50")
LOADED = ("id", "model", "device", "engine", "count", "output_tokens_per_s")
KINDS_AS_PUBLISHED = {"train": "pretrain"}
ALIKE = ["device", "count", "kind", "family", "unit", "batch", "prompt_tokens", "precision"]
"""What two models must share for one's throughput to be compared with the other's."""
ONE_WORK = ("model", "kind", "batch", "prompt_tokens", "precision", "device", "engine", "count")


def prepare(frame: pd.DataFrame) -> pd.DataFrame:
    """Measurements that worked, with utilisation, ceiling and memory peak."""
    rows = frame.copy()
    rows["utilisation"] = rows[["mfu", "mbu"]].max(axis=1)
    rows["ceiling_per_s"] = rows["throughput_per_s"] / rows["utilisation"]
    peaks = rows["memory_allocated_peak_bytes"]
    rows["memory_peak_bytes"] = peaks.fillna(rows["memory_host_peak_bytes"])
    return rows


def newest(rows: pd.DataFrame) -> pd.DataFrame:
    """The newest measurement of each workload on each device, at most as many as a chart shows."""
    last = rows.drop_duplicates(list(ONE_WORK), keep="last")
    return last.tail(MOST_POINTS)


def choices(tally: pd.DataFrame, column: str) -> list[str]:
    """What a filter offers, most frequent first."""
    counts = tally.groupby(column, observed=True)["count"].sum()
    return [str(value) for value in counts.sort_values(ascending=False).index]


def pivot(tally: pd.DataFrame, words: Words) -> pd.DataFrame:
    """How many records there are of each model on each device, a column for each kind of work."""
    counts = tally.pivot_table(
        index=["model", "device"], columns="kind", values="count", aggfunc="sum", observed=True
    )
    named = counts.rename(columns=lambda kind: words.t(f"kind.{kind}")).reset_index()
    latest = tally.groupby(["model", "device"], observed=True)["newest"].max().reset_index()
    return named.merge(latest, on=["model", "device"])


def newest_pivot(rows: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The newest throughput of each model on each device, a column for each kind of work."""
    last = rows.drop_duplicates(["model", "device", "kind"], keep="last")
    table = last.pivot_table(
        index=["model", "device"], columns="kind", values="throughput_per_s", aggfunc="last",
        observed=True,
    )  # fmt: skip
    return table.rename(columns=lambda kind: words.t(f"kind.{kind}")).reset_index()


def published(kinds: Sequence[str], catalog: Catalog) -> list[tuple[float, float, str]]:
    """Parameters, throughput and words of published runs of these kinds, where sizes are known."""
    sizes = {model.name: float(model.parameters_total) for model in catalog.models}
    return [
        (sizes[row.model], row.value * row.gpus,
         f"{row.model} · {row.gpus} × {row.device} · {row.software} · {row.source}")
        for row in measured_rows()
        if row.model in sizes and KINDS_AS_PUBLISHED.get(row.kind, row.kind) in kinds
    ]  # fmt: skip


def percentiles(rows: pd.DataFrame) -> dict[str, list[str]]:
    """The latencies that load tests know, each with the percentiles at which any does."""
    known = rows.dropna(subset=["output_tokens_per_s"]).notna().any()
    found = {one: [each for each in PERCENTILES if known[f"{one}_{each}_s"]] for one in LATENCIES}
    return {one: each for one, each in found.items() if each}


def loaded(
    rows: pd.DataFrame, column: str, words: Words
) -> list[tuple[str, str, float, float, str]]:
    """Points of load tests: output tokens a second of a device against a percentile of latency."""
    known = rows.dropna(subset=["output_tokens_per_s", column])
    return [
        (f"{row.model} · {row.count} × {row.device} · {row.engine}", row.id,
         row.output_tokens_per_s / row.count, getattr(row, column),
         f"{words.value(row.output_tokens_per_s, 'tokens_per_s')}: "
         f"{words.value(getattr(row, column), 's')}")
        for row in known[list(dict.fromkeys([*LOADED, column]))].itertuples()
    ]  # fmt: skip


def repeated(rows: pd.DataFrame) -> dict[str, str]:
    """Cases that were measured more than once, the most often first: id and how it is called."""
    named = rows.dropna(subset=["case"])
    counts = named["case"].value_counts()
    last = named.drop_duplicates("case", keep="last").set_index("case")
    return {
        str(case): f"{last.at[case, 'model']} · {last.at[case, 'device']} · {case} × {count}"
        for case, count in counts[counts > 1].head(MOST_CASES).items()
    }


def history(records: Sequence[Measurement], words: Words) -> list[Point]:
    """One case over time: its throughput, and where it became slower or faster."""
    good = [record for record in records if record.result is not None]
    found = comparison.over_time(good)
    marks = ["", *(one.verdict if one.verdict in ("slower", "faster") else "" for one in found)]
    return [
        Point(record.recorded_at.isoformat(), speed.value,
              f"{words.day(record.recorded_at)}: "
              f"{words.value(speed.value, f'{record.result.unit}_per_s')}",
              speed.low, speed.high, mark, record.id)
        for record, mark in zip(good, marks, strict=True)
        if record.result is not None and (speed := record.result.throughput_per_s)
    ]  # fmt: skip


def large_and_small(rows: pd.DataFrame) -> pd.DataFrame:
    """For each work on each machine, the smallest and the largest model of a family measured."""
    known = newest(rows[rows["kind"] != "study"]).dropna(subset=["throughput_per_s"])
    known = known.dropna(subset=["parameters_total"]).sort_values("parameters_total")
    grouped = known.groupby(ALIKE, observed=True, dropna=False)
    first, last = grouped.first(), grouped.last()
    columns = ["model", "parameters_total", "throughput_per_s"]
    table = (
        first[columns].add_suffix("_small").join(last[columns].add_suffix("_large")).reset_index()
    )
    table = table[table["model_small"] != table["model_large"]]
    table["times_larger"] = table["parameters_total_large"] / table["parameters_total_small"]
    table["times_slower"] = table["throughput_per_s_small"] / table["throughput_per_s_large"]
    first = ["kind", "model_small", "model_large", "times_larger", "times_slower"]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def generation(rows: pd.DataFrame) -> pd.DataFrame:
    """Runs that generate tokens for several users, with the speed that each user sees."""
    made = rows[rows["kind"].isin(["decode", "generate", "serve"])].copy()
    users = made["concurrency"].fillna(made["batch"])
    made["tokens_per_s_per_user"] = (1 / made["per_token_s"]).fillna(
        made["throughput_per_s"] / users
    )
    return made.dropna(subset=["tokens_per_s_per_user", "throughput_per_s_per_device"])


def interactivity(
    made: pd.DataFrame, catalog: Catalog, words: Words
) -> list[tuple[str, str, float, float, str]]:
    """Points for the chart of throughput against speed per user, each with its cost in words."""
    rents = {device: offers.rent(catalog, device) for device in made["device"].unique()}
    points = []
    for row in made.itertuples():
        rent, per_device = rents[row.device], row.throughput_per_s_per_device
        cost = None if rent is None else usd_per_million(rent, per_device)
        name = f"{row.model} · {row.device}"
        known = words.value(cost, "usd_per_million_tokens")
        said = words.t("measurements.no_rent") if cost is None else known
        points.append((name, row.id, row.tokens_per_s_per_user, per_device, said))
    return points


def summary(tally: pd.DataFrame, words: Words) -> str:
    """One sentence on what the store holds."""
    return words.t(
        "measurements.summary",
        count=words.number(int(tally["count"].sum())),
        models=tally[tally["kind"] != "study"]["model"].nunique(),
        devices=tally["device"].nunique(),
        day=words.day(datetime.fromisoformat(tally["newest"].max())),
        failed=words.number(failures(tally)),
    )


def failures(tally: pd.DataFrame) -> int:
    """How many runs failed."""
    return int(tally[tally["status"] != "ok"]["count"].sum())
