"""Charts: what they draw is what they were given, in the reader's words."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.costmodel.analysis import Crossing, Series, Swing, VolumeCurve
from modelworth.dashboard.parts import record_frames as measured
from modelworth.data.store import open_store
from modelworth.report import charts
from modelworth.report.charts import base
from modelworth.report.words import Words

LOOKS = [charts.Look(Words("en")), charts.Look(Words("zh_CN", "CNY", 0.14), dark=True)]
CASH = Series(
    "cash_balance_usd", "usd", "cash", (0.0, -5e5, -2e5, 4e5), (-1.0, -8e5, -6e5, 0.0),
    (0.0, -5e5, -2e5, 4e5), (0.0, -3e5, 0.0, 9e5),
)  # fmt: skip


def bytes_of(chart: go.Figure) -> int:
    return len(chart.to_json())


@pytest.mark.parametrize("look", LOOKS)
def test_a_band_holds_the_series_and_its_quantiles(look):
    chart = charts.band(look, CASH, marks=[(1, "low")])
    drawn = {trace.name: tuple(trace.y) for trace in chart.data if trace.name}
    assert drawn[look.words.t("chart.base_case")] == CASH.base
    assert drawn[look.words.t("chart.band")] == CASH.p10
    assert any(trace.text == ("low",) for trace in chart.data)


def test_a_waterfall_adds_up():
    steps = [("price", 10.0), ("rent", -4.0), ("people", -7.0)]
    chart = charts.waterfall(LOOKS[0], steps, "left", "usd")
    bars = chart.data[0]
    ends = [floor + size for floor, size in zip(bars.base, bars.x, strict=True)]
    assert ends[0] == 10.0
    assert (bars.base[1], ends[1]) == (6.0, 10.0)
    assert (bars.base[2], ends[2]) == (-1.0, 6.0)
    assert (bars.base[3], ends[3]) == (-1.0, 0.0)


def test_months_stack_costs_downwards():
    revenue = Series("revenue_usd", "usd", "revenue", (0.0, 5.0))
    cost = Series("gpu_cost_usd", "usd", "compute", (2.0, 3.0))
    chart = charts.months(
        LOOKS[0], [revenue], [cost], Series("net_profit_usd", "usd", "cash", (-2.0, 2.0))
    )
    assert tuple(chart.data[1].y) == (-2.0, -3.0)
    assert chart.layout.barmode == "relative"


@pytest.mark.parametrize("look", LOOKS)
def test_a_tornado_has_the_widest_on_top_and_spans_its_bars(look):
    swings = [
        Swing("demand.cached_share", "share", 0.1, 0.5, 90.0, 120.0),
        Swing("demand.reasoning_factor", "ratio", 1.0, 3.0, 140.0, 20.0),
    ]
    chart = charts.tornado(look, swings, 100.0, "usd")
    assert chart.data[0].y[-1].replace("<br>", " ") == look.words.name("demand.reasoning_factor")
    assert tuple(chart.data[0].x) == (-10.0, 40.0)
    low, high = chart.layout.xaxis.range
    assert low < 20.0 < 140.0 < high


def test_a_histogram_is_binned_and_small():
    edges = [float(edge) for edge in range(-20, 21)]
    counts = [50] * 40
    chart = charts.histogram(LOOKS[0], edges, counts, [(0.0, "P50")])
    assert sum(chart.data[0].y) == pytest.approx(1.0)
    assert chart.data[0].marker.color[0] != chart.data[0].marker.color[-1]
    assert bytes_of(chart) < 20_000


def test_volume_curves_mark_their_crossings():
    curve = VolumeCurve((1.0, 10.0), {"buy_api": (1.0, 10.0), "self_host_owned": (5.0, 5.0)},
                        (Crossing(5.0, "buy_api", "self_host_owned"),))  # fmt: skip
    chart = charts.volume(LOOKS[0], curve, now=3.0)
    rings = chart.data[-1]
    assert tuple(rings.x) == (5.0,)
    assert rings.y[0] in (5.0,)
    assert chart.layout.xaxis.type == "log"


def test_a_map_has_a_line_at_the_target_and_a_cross_where_we_are():
    chart = charts.heat(
        LOOKS[0], ("demand.cached_share", "share", (0.0, 0.5, 1.0)),
        ("demand.requests_per_month", "requests/month", (1.0, 10.0, 1e4)),
        ((-1.0, 0.0, 1.0),) * 3, ("npv_usd", "usd", 0.0), (0.5, 10.0),
    )  # fmt: skip
    assert chart.data[1].contours.start == 0.0
    assert (chart.data[2].x, chart.data[2].y) == ((0.5,), (10.0,))
    assert chart.layout.yaxis.type == "log"
    assert chart.layout.xaxis.type is None


@pytest.mark.parametrize("quantity", charts.QUANTITIES)
def test_points_lead_to_their_records(full_store, quantity):
    with open_store(full_store) as store:
        frame = store.frame(status="ok")
    rows = measured.newest(measured.prepare(frame))
    chart = charts.scaling(LOOKS[0], rows, charts.QUANTITIES[quantity], "kind")
    ids = {card[0] for trace in chart.data for card in trace.customdata}
    assert ids <= set(frame["id"])
    assert ids
    assert chart.layout.xaxis.type == "log"


def test_ceilings_lie_above_what_was_reached(full_store):
    with open_store(full_store) as store:
        rows = measured.prepare(store.frame(status="ok"))
    assert (rows["ceiling_per_s"] >= rows["throughput_per_s"]).all()


def test_large_and_small_compares_only_what_is_alike():
    def one(model, family, size, speed, **changed):
        alike = {"kind": "generate", "unit": "tokens", "batch": 1, "prompt_tokens": float("nan")}
        alike |= {"device": "L4", "count": 1, "precision": "bf16", "engine": None, "family": family}
        about = {"model": model, "parameters_total": size, "throughput_per_s": speed}
        return alike | about | changed

    rows = pd.DataFrame([
        one("small", "decoder", 1e6, 400.0), one("large", "decoder", 8e6, 100.0),
        one("larger, in batches", "decoder", 9e6, 900.0, batch=16),
        one("images", "diffusion", 1e8, 0.3, unit="images"),
        one("a study", "decoder", 1e9, 1.0, kind="study"),
        one("another study", "decoder", 1e3, 9.0, kind="study"),
    ])  # fmt: skip
    (found,) = measured.large_and_small(rows).to_dict("records")
    assert (found["model_small"], found["model_large"]) == ("small", "large")
    assert (found["times_larger"], found["times_slower"]) == (8.0, 4.0)


def test_names_from_data_are_escaped_and_cut(hostile_store):
    with open_store(hostile_store) as store:
        rows = measured.prepare(store.frame(status="ok"))
    text = charts.scaling(LOOKS[0], rows, charts.QUANTITIES["throughput"], "model").to_json()
    assert "<script>" not in text
    assert "x" * 100 not in text


def test_no_chart_asks_for_anything_from_another_host():
    chart = charts.band(LOOKS[0], CASH)
    assert "http" not in chart.to_json()


def test_agreement_draws_the_line_on_which_both_agree():
    chart = charts.agreement(LOOKS[0], [("a", 10.0, 12.0)], "units_per_s_per_gpu")
    assert tuple(chart.data[0].x) == tuple(chart.data[0].y)
    assert (chart.data[1].x, chart.data[1].y) == ((10.0,), (12.0,))


def test_samples_are_binned():
    chart = charts.samples(LOOKS[0], [0.1, 0.1, 0.2, 0.9])
    assert sum(chart.data[0].y) == 4


def test_memory_parts_add_up_beside_the_capacity():
    chart = charts.memory(LOOKS[0], [("weights", 2.0**30), ("cache", 2.0**29)], 2.0**31)
    assert [trace.x[0] for trace in chart.data] == [2.0**30, 2.0**29]
    assert chart.layout.shapes[0].x0 == 2.0**31


def test_bars_and_pairs_keep_their_amounts():
    rows = [("a", 1.0), ("b", 3.0)]
    assert tuple(charts.bars(LOOKS[0], rows, "usd").data[0].x) == (1.0, 3.0)
    chart = charts.pairs(LOOKS[0], [("a", 0.1, 0.2), ("b", 0.3, 0.9)], ("alone", "all"), "share")
    assert [tuple(trace.x) for trace in chart.data] == [(0.1, 0.3), (0.2, 0.9)]


@given(st.lists(st.integers(-(10**12), 10**12).map(float), min_size=1, max_size=5))
def test_ticks_span_the_data_in_a_few_round_steps(values):
    ticks = base.nice_ticks(values)
    assert ticks[0] <= min(*values, 0.0) + 1e-6 * abs(ticks[0])
    assert ticks[-1] >= max(*values, 0.0) - 1e-6 * abs(ticks[-1])
    assert len(ticks) <= 8


@given(st.lists(st.floats(1e-9, 1e15), min_size=1, max_size=5))
def test_decades_are_powers_within_the_data(values):
    ticks = base.decades(values)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 12
    assert math.log10(ticks[0]) <= math.log10(min(values)) + 1e-9


def test_interactivity_groups_by_model_and_device():
    rows = [("a · b", "id1", 20.0, 300.0, "$1"), ("a · b", "id2", 10.0, 500.0, "$2")]
    chart = charts.curves(LOOKS[0], rows)
    assert tuple(chart.data[0].x) == (10.0, 20.0)
    assert chart.data[0].customdata[0][1] == "$2"


def test_a_frame_without_measurements_makes_no_points():
    frame = pd.DataFrame({"parameters_total": [], "throughput_per_s": [], "kind": []})
    chart = charts.scaling(LOOKS[0], frame, charts.QUANTITIES["throughput"], "kind")
    assert len(chart.data) == 0


def test_an_objective_is_a_line_over_the_curves():
    rows = [("a", "id1", 20.0, 0.03, ""), ("a", "id2", 40.0, 0.08, "")]
    chart = charts.curves(LOOKS[0], rows, ("tokens_per_s_per_device", "s"), 0.05)
    assert (chart.layout.shapes[0].y0, chart.layout.shapes[0].y1) == (0.05, 0.05)
    assert chart.layout.yaxis.type == "log"


def test_published_runs_stand_behind_with_their_source():
    frame = pd.DataFrame({"parameters_total": [], "throughput_per_s": [], "kind": []})
    behind = [(7e9, 1000.0, "m · s")]
    chart = charts.scaling(LOOKS[0], frame, charts.QUANTITIES["throughput"], "kind", behind)
    assert chart.data[0].customdata[0][1] == "m · s"


def test_history_marks_what_became_slower():
    points = [charts.Point("2026-01-01", 10.0, "", 9.0, 11.0),
              charts.Point("2026-01-02", 5.0, "", 4.0, 6.0, "slower")]  # fmt: skip
    chart = charts.history(LOOKS[1], points, "per_s")
    assert tuple(chart.data[0].error_y.array) == (1.0, 1.0)
    assert tuple(chart.data[1].y) == (5.0,)


def test_the_market_has_its_path_over_the_past_and_the_frontier_its_intervals():
    past = [charts.Point("2025-01-01", 10.0, "a"), charts.Point("2026-01-01", 5.0, "b")]
    chart = charts.market(LOOKS[0], [("seen", past)], [charts.Point("2026-02-01", 4.0, "c")], "usd")
    assert [len(trace.x) for trace in chart.data] == [2, 1]
    every = [charts.Point(0.02, 1.0, "a", 0.5, 2.0), charts.Point(0.01, 3.0, "b", 2.0, 4.0)]
    drawn = charts.frontier(LOOKS[0], every, every[:1], ("s", "usd"))
    assert tuple(drawn.data[0].error_y.array) == (1.0, 1.0)
    assert tuple(drawn.data[0].error_y.arrayminus) == (0.5, 1.0)
