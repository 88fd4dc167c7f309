"""A small business worked out by hand, in the shape that `evaluate` returns.

Its monthly values are computed here by plain Python loops, apart from the project's own evaluator,
so that what the workbook computes from the formulas' text has an independent answer.
"""

from __future__ import annotations

import math
from dataclasses import replace

from modelworth.costmodel.analysis import (
    Analysis,
    BreakEven,
    Criterion,
    Crossing,
    DriverUse,
    Figure,
    Finding,
    Flip,
    Influence,
    LineUse,
    MeasurementUse,
    OptionResult,
    PredictionUse,
    Provenance,
    Risk,
    Series,
    Swing,
    Verdict,
    VolumeCurve,
)

MONTHS = 24
DRIVERS = {
    "sample.requests": ("demand", "requests_per_month", 40_000.0),
    "sample.growth": ("demand", "share", 0.08),
    "sample.price": ("revenue", "usd_per_request", 0.021),
    "sample.per_gpu": ("capacity", "requests_per_gpu_month", 30_000.0),
    "sample.rent": ("compute", "usd_per_gpu_month", 450.0),
    "sample.staff": ("company", "usd_per_month", 600.0),
    "sample.setup": ("building", "usd", 9_000.0),
    "sample.lag": ("cash", "months", 2.0),
    "sample.rate": ("company", "share", 0.01),
}
FORMULAS = {
    "requests": ("demand", "requests_per_month", "where(month == 0, 0, grown)"),
    "grown": (
        "demand",
        "requests_per_month",
        "prev(grown, sample.requests) * (1 + sample.growth / (1 + month))",
    ),
    "gpus": ("capacity", "gpus", "ceil(requests / sample.per_gpu)"),
    "used": ("capacity", "share", "where(gpus > 0, requests / (gpus * sample.per_gpu), 0)"),
    "revenue_usd": ("revenue", "usd", "requests * sample.price"),
    "rent_usd": ("compute", "usd", "gpus * sample.rent"),
    "staff_usd": ("company", "usd", "min(month, 1) * sample.staff"),
    "setup_usd": ("building", "usd", "where(month == 0, sample.setup, 0)"),
    "cost_of_revenue_usd": ("company", "usd", "rent_usd + staff_usd + setup_usd"),
    "paid_usd": ("cash", "usd", "lag(revenue_usd, sample.lag)"),
    "net_cash_usd": ("cash", "usd", "paid_usd - cost_of_revenue_usd"),
    "cash_balance_usd": ("cash", "usd", "cumulative(net_cash_usd)"),
    "present_usd": ("cash", "usd", "net_cash_usd * (1 + sample.rate) ** -month"),
    "npv_usd": ("cash", "usd", "total(present_usd)"),
    "peak_funding_usd": ("cash", "usd", "max(0, -lowest(cash_balance_usd))"),
    "back": ("cash", "ratio", "(cash_balance_usd > 0) * (month > 0)"),
    "payback_months": ("cash", "months", "first(back)"),
    "gain_usd": ("cash", "usd", "next(net_cash_usd) - net_cash_usd"),
    "best_month_usd": ("cash", "usd", "highest(gain_usd)"),
    "z_share": ("demand", "share", "norm_cdf(norm_ppf(0.3) + 0 * month) ** 2 % 1"),
}


def values(**changed: float) -> dict[str, list[float]]:
    """Every line by hand, with some drivers changed (`requests=…` for `sample.requests`)."""
    given = {key.split(".")[1]: changed.get(key.split(".")[1], DRIVERS[key][2]) for key in DRIVERS}
    months = range(MONTHS + 1)
    grown, last = [], given["requests"]
    for month in months:
        last *= 1 + given["growth"] / (1 + month)
        grown.append(last)
    requests = [0.0 if month == 0 else grown[month] for month in months]
    gpus = [float(math.ceil(x / given["per_gpu"])) for x in requests]
    revenue = [x * given["price"] for x in requests]
    rent = [x * given["rent"] for x in gpus]
    staff = [given["staff"] if month else 0.0 for month in months]
    setup = [given["setup"] if month == 0 else 0.0 for month in months]
    cost = [sum(parts) for parts in zip(rent, staff, setup, strict=True)]
    lag = int(given["lag"])
    paid = [revenue[month - lag] if month >= lag else 0.0 for month in months]
    flow = [a - b for a, b in zip(paid, cost, strict=True)]
    cash = [sum(flow[: month + 1]) for month in months]
    npv = sum(x / (1 + given["rate"]) ** month for month, x in enumerate(flow))
    payback = next((float(m) for m in months if m > 0 and cash[m] > 0), math.nan)
    gains = [(flow[m + 1] if m < MONTHS else 0.0) - flow[m] for m in months]
    return {
        "requests": requests,
        "grown": grown,
        "gpus": gpus,
        "used": [
            x / (n * given["per_gpu"]) if n else 0.0 for x, n in zip(requests, gpus, strict=True)
        ],
        "revenue_usd": revenue,
        "rent_usd": rent,
        "staff_usd": staff,
        "setup_usd": setup,
        "cost_of_revenue_usd": cost,
        "paid_usd": paid,
        "net_cash_usd": flow,
        "cash_balance_usd": cash,
        "present_usd": [x / (1 + given["rate"]) ** month for month, x in enumerate(flow)],
        "npv_usd": [npv for _ in months],
        "peak_funding_usd": [max(0.0, -min(cash)) for _ in months],
        "back": [float(month > 0 and cash[month] > 0) for month in months],
        "gain_usd": gains,
        "payback_months": [payback for _ in months],
        "best_month_usd": [max(gains) for _ in months],
        "z_share": [0.09 for _ in months],
    }


def analysis() -> Analysis:
    """Everything filled in: risk, options, measurements, predictions, warnings."""
    found = values()
    return Analysis(
        scenario="sample",
        text={"en": _english(), "zh_CN": _chinese()},
        months=MONTHS,
        currency="USD",
        usd_per_currency=1.0,
        indicators=_indicators(found),
        series={key: _series(key, row) for key, row in found.items()},
        lines={
            key: LineUse(
                key,
                unit,
                section,
                text,
                (),
                "accounting identity",
                recurrence=(key,) * (f"({key}, " in text),
            )
            for key, (section, unit, text) in FORMULAS.items()
        },
        drivers={key: _driver(key) for key in DRIVERS},
        verdict=_verdict(),
        findings=(
            Finding(
                "T01", "warning", "demand.peak_over_average", {"peak": 1.1, "utilisation": 0.93}
            ),
        ),
        tornado=(
            Swing("sample.price", "usd_per_request", 0.015, 0.03, -11_000, 17_000),
            Swing("sample.rent", "usd_per_gpu_month", 350, 900, 4_000, -12_000),
        ),
        break_evens=(
            BreakEven("sample.price", "usd_per_request", "npv_usd", 0.0, (0.0214,), 0.001, 0.1),
            BreakEven("sample.growth", "share", "npv_usd", 0.0, (), -0.5, 0.05),
        ),
        measurements=_measurements(),
        predictions=(
            PredictionUse(
                "sample.per_gpu",
                "requests_per_gpu_month",
                30_000,
                24_000,
                35_500,
                "extrapolated",
                "one octave beyond the largest size measured; leave-one-out error 9%",
            ),
        ),
        provenance=Provenance(
            "modelworth report sample.yaml --seed 0",
            "ab" * 32,
            "cd" * 10,
            3,
            0,
            1000,
            {"modelworth": "0.1.0", "python": "3.11"},
        ),
        risk=_risk(),
        options=_options(),
        volume_curve=VolumeCurve(
            (1e4, 1e5, 1e6, 1e7),
            {
                "buy_api": (150.0, 1500.0, 15_000.0, 150_000.0),
                "self_host_rented": (2900.0, 2900.0, 9000.0, 61_000.0),
            },
            (Crossing(193_000.0, "buy_api", "self_host_rented"),),
        ),
    )


def hostile(text: str) -> Analysis:
    """The sample with `text` wherever a text can come from outside."""
    plain = analysis()
    spoilt = {f"{key}": text for key in ("name", "question", "finding")}
    measured = tuple(
        replace(use, model=text, device=text, recorded_at=text) for use in plain.measurements
    )
    options = plain.options or ()
    return replace(
        plain,
        scenario=text,
        text={"en": spoilt, "zh_CN": spoilt},
        drivers={
            key: replace(use, source=text, as_of=text, distribution={"low": 1.0, text: text})
            for key, use in plain.drivers.items()
        },
        lines={key: replace(use, source=text) for key, use in plain.lines.items()},
        findings=(Finding("T01", "warning", text, {"peak": text, "utilisation": text}),),
        measurements=measured,
        predictions=tuple(replace(use, note=text) for use in plain.predictions),
        options=(replace(options[0], feasible=False, reason=text), *options[1:]),
        provenance=replace(plain.provenance, command=text, versions={text: text}),
    )


def _english() -> dict[str, str]:
    return {
        "name": "A small API",
        "question": "Can we sell answers at two cents each from rented GPUs?",
        "finding": "It pays as long as growth holds for two years.",
    }


def _chinese() -> dict[str, str]:
    return {
        "name": "小型接口服务",
        "question": "租用 GPU，以每次两美分出售回答，划算吗？",
        "finding": "只要增长保持两年，就能盈利。",
    }


def _indicators(found: dict[str, list[float]]) -> dict[str, Figure]:
    def figure(key: str, unit: str, **more: object) -> Figure:
        value = found[key][0]
        base = value if math.isfinite(value) else None
        return Figure(key, unit, base, line=key, **more)  # type: ignore[arg-type]

    npv = found["npv_usd"][0]
    figures = (
        figure("npv_usd", "usd", p10=npv - 9e3, p50=npv, p90=npv + 12e3),
        Figure("irr_per_year", "share", None, status="none", line="net_cash_usd"),
        figure("payback_months", "months", p10=14.0, p50=17.0, p90=23.0, share_defined=0.82),
        figure("peak_funding_usd", "usd", p10=9e3, p50=11e3, p90=15e3),
        figure("best_month_usd", "usd"),
    )
    return {each.key: each for each in figures}


def _series(key: str, row: list[float]) -> Series:
    section, unit, _ = FORMULAS[key]
    band = key == "cash_balance_usd"
    low = tuple(value - 300 * month for month, value in enumerate(row)) if band else None
    high = tuple(value + 400 * month for month, value in enumerate(row)) if band else None
    return Series(key, unit, section, tuple(row), low, tuple(row) if band else None, high)


def _driver(key: str) -> DriverUse:
    section, unit, value = DRIVERS[key]
    measured = key == "sample.per_gpu"
    return DriverUse(
        key, section, unit, value,
        {"low": value * 0.8, "mode": value, "high": value * 1.3} if key == "sample.price" else None,
        value, value * 0.5, value * 2, "measured here" if measured else "judgement", "2026-10-01",
        None if measured else "C", "measured" if measured else "assumed",
        ("aa11bb22cc33dd44ee55",) if measured else (), key == "sample.price", 54,
    )  # fmt: skip


def _verdict() -> Verdict:
    criteria = (
        Criterion("probability_npv_positive", "share", 0.7, 0.62, met=False),
        Criterion("gross_margin", "share", 0.5, 0.55, met=True),
    )
    flips = (
        Flip("sample.price", "usd_per_request", 0.021, 0.0234, "npv_usd", 0.0),
        Flip("sample.rent", "usd_per_gpu_month", 450.0, 398.0, "npv_usd", 0.0),
    )
    return Verdict("depends", 0.62, criteria, flips, ("sample.price", "sample.rent"))


def _measurements() -> tuple[MeasurementUse, ...]:
    return tuple(
        MeasurementUse(
            f"{number}a11bb22cc33dd44ee55", f"ladder-{size}", "described CPU", kind,
            rate, rate * 0.97, rate * 1.03, "tokens", "2026-11-20T08:00:00Z", "measured",
        )
        for number, (size, kind, rate) in enumerate(
            [("1m", "decode", 2400.0), ("4m", "decode", 900.0), ("16m", "prefill", 5100.0)]
        )
    )  # fmt: skip


def _risk() -> Risk:
    edges = tuple(-30_000.0 + 5_000 * step for step in range(13))
    counts = (5, 20, 60, 110, 150, 180, 160, 120, 90, 60, 30, 15)
    influences = (
        Influence("sample.price", 0.61, 0.66, 0.78, 2400.0),
        Influence("sample.rent", 0.22, 0.25, -0.45, 700.0),
        Influence("sample.growth", None, None, 0.2, None),
    )
    return Risk(1000, 0, 0.38, -14_000.0, 3100.0, edges, counts, influences)


def _options() -> tuple[OptionResult, ...]:
    def option(key: str, npv: float, cost: float, best: float) -> OptionResult:
        figures = (
            Figure("npv_usd", "usd", npv),
            Figure("cost_per_accepted_result_usd", "usd_per_result", cost),
        )
        return OptionResult(key, figures, feasible=True, reason=None, probability_best=best)

    blocked = OptionResult(
        "pretrain_large", (), feasible=False, reason="needs more memory than one node has",
        probability_best=None,
    )  # fmt: skip
    return (
        option("buy_api", 2_000, 0.019, 0.3),
        option("self_host_rented", 4_100, 0.015, 0.7),
        blocked,
    )
