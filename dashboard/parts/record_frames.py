"""Measurements made ready for charts: derived columns, the newest of each case, what to leave out.

Nothing here is a figure of its own: utilisation is the larger of the two recorded ones, the ceiling
is the recorded throughput at a utilisation of one, memory is the first peak that was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from modelworth.costmodel.prediction.unit_cost import usd_per_million
from modelworth.data.catalog import Catalog
from modelworth.data.errors import InputError
from modelworth.report.words import Words

MOST_POINTS = 1500
"""Points that a chart can show and a browser draw without delay."""
ONE_WORK = ("model", "kind", "batch", "prompt_tokens", "precision", "device", "engine", "count")


def prepare(frame: pd.DataFrame) -> pd.DataFrame:
    """The measurements that worked, with utilisation, ceiling and memory peak."""
    rows = frame[frame["status"] == "ok"].copy()
    rows["utilisation"] = rows[["mfu", "mbu"]].max(axis=1)
    rows["ceiling_per_s"] = rows["throughput_per_s"] / rows["utilisation"]
    peaks = rows["memory_allocated_peak_bytes"]
    rows["memory_peak_bytes"] = peaks.fillna(rows["memory_host_peak_bytes"])
    return rows


def newest(rows: pd.DataFrame) -> pd.DataFrame:
    """The newest measurement of each workload on each device, at most as many as a chart shows."""
    last = rows.drop_duplicates(list(ONE_WORK), keep="last")
    return last.tail(MOST_POINTS)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader wants to see; an empty choice is no restriction."""

    devices: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def keep(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that all choices let through."""
        chosen = (
            ("device", self.devices), ("family", self.families),
            ("kind", self.kinds), ("origin", self.origins),
        )  # fmt: skip
        for column, values in chosen:
            if values:
                rows = rows[rows[column].isin(values)]
        return rows


def choices(rows: pd.DataFrame, column: str) -> list[str]:
    """What a filter offers, most frequent first."""
    return [str(value) for value in rows[column].value_counts().index]


def first_choice(rows: pd.DataFrame, column: str) -> list[str]:
    """What a filter starts with: one family, because tokens, images and sequences don't compare."""
    return choices(rows, column)[:1] if column == "family" else []


def large_and_small(rows: pd.DataFrame) -> pd.DataFrame:
    """For each kind of work on each device, the smallest and the largest model measured."""
    known = rows.dropna(subset=["parameters_total", "throughput_per_s"])
    grouped = known.sort_values("parameters_total").groupby(["device", "kind"], observed=True)
    first, last = grouped.first(), grouped.last()
    columns = ["model", "parameters_total", "throughput_per_s"]
    table = (
        first[columns].add_suffix("_small").join(last[columns].add_suffix("_large")).reset_index()
    )
    table = table[table["model_small"] != table["model_large"]]
    table["times_larger"] = table["parameters_total_large"] / table["parameters_total_small"]
    table["times_slower"] = table["throughput_per_s_small"] / table["throughput_per_s_large"]
    return table


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
    rents = {device: _rent(catalog, device) for device in made["device"].unique()}
    points = []
    for row in made.itertuples():
        rent, per_device = rents[row.device], row.throughput_per_s_per_device
        cost = None if rent is None else usd_per_million(rent, per_device)
        name = f"{row.model} · {row.device}"
        said = words.t("measurements.no_rent") if cost is None else _cost(words, cost)
        points.append((name, row.id, row.tokens_per_s_per_user, per_device, said))
    return points


def _rent(catalog: Catalog, device: str) -> float | None:
    """Median rent of a device; None where the catalogue knows none."""
    try:
        return catalog.rent(device).usd_per_gpu_hour
    except InputError:
        return None


def _cost(words: Words, usd: float) -> str:
    return words.value(usd, "usd_per_million_tokens")


def summary(frame: pd.DataFrame, words: Words) -> str:
    """One sentence on what the store holds."""
    return words.t(
        "measurements.summary",
        count=len(frame),
        models=frame["model"].nunique(),
        devices=frame["device"].nunique(),
        day=words.day(frame["recorded_at"].max().to_pydatetime()),
        failed=int((frame["status"] != "ok").sum()),
    )
