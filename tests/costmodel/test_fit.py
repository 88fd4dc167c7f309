"""Fits find what made synthetic measurements, reject what can't be, and their intervals hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from docs.accuracy_page import markdown
from modelworth.costmodel.prediction.case import Case
from modelworth.costmodel.prediction.columns import columns, times
from modelworth.costmodel.prediction.fit.least_squares import Design, fit
from modelworth.costmodel.prediction.fit.leave_out import (
    LeftOut,
    band95,
    leave_out,
    log_errors,
    quantile,
)
from modelworth.costmodel.prediction.fit.observed import (
    SHIPPED_ROWS,
    Observed,
    possible,
    read_folders,
    weighed,
)
from modelworth.costmodel.prediction.fit.refit import refit, write_tables
from modelworth.costmodel.prediction.fit.validation import validate
from modelworth.costmodel.prediction.fit.widths import Tried, interval_rows
from modelworth.costmodel.prediction.interval import groups_of, log_width
from modelworth.costmodel.prediction.step.coefficients import (
    NAMES,
    PUBLISHED,
    CoefficientRow,
    ConstantRow,
    Tables,
    priors,
    read_tables,
    resolve,
    shipped_rates,
    shipped_tables,
)
from modelworth.data.catalog import load_catalog
from modelworth.data.csv_rows import read_table
from modelworth.data.errors import InputError
from tests.costmodel.published_rows import SERVING, TRAINING, VISION

CATALOG = load_catalog()
BARE = Tables(shipped_rates(), ())
TRUE = {"compute": 0.8, "traffic": 1.6, "data_exposed": 0.6}
KINDS = ("train", "forward", "serve")


def cases() -> list[Case]:
    return [
        Case.of(
            name, "A100 SXM 80GB", CATALOG, work="train", gpus=gpus, tokens=tokens,
            batch=max(1, 16384 // tokens), software="made-up", sharding="full",
        )
        for name in ("gpt2", "gpt3-1.3b", "llama-2-7b", "llama-2-13b")
        for tokens in (512, 2048, 8192)
        for gpus in (1, 8, 64)
    ]  # fmt: skip


def synthetic(noise: float, seed: int = 0) -> list[Observed]:
    asked = cases()
    design = Design(asked)
    true = {name: np.full(len(asked), value) for name, value in TRUE.items()}
    truth = replace(design.coefficients(design.start), **true)
    value = times("train", columns(asked, BARE), truth).value
    scatter = np.exp(np.random.default_rng(seed).normal(0, noise, len(asked)))
    return [
        Observed(case, float(v), twin=str(place))
        for place, (case, v) in enumerate(zip(asked, value * scatter, strict=True))
    ]


def test_a_fit_finds_what_made_the_measurements():
    loose = [
        CoefficientRow(
            kind="train", level="common", name="all", coefficient=name, value=row.value,
            prior=row.value, log_sd=max(row.log_sd, 0.5), rows=0, source="wide", as_of="2026-11",
        )
        for name, row in priors("train").items()
    ]  # fmt: skip
    observed = synthetic(0.0)
    rows = fit(observed, BARE, loose)
    assert np.max(np.abs(log_errors(observed, Tables(BARE.rates, tuple(rows))))) < 0.03
    compute = math.prod(row.value for row in rows if row.coefficient == "compute")
    assert compute == pytest.approx(0.8, rel=0.06)


def test_one_wrong_row_does_not_bend_the_fit():
    observed = synthetic(0.02)
    spoiled = [replace(observed[0], value=observed[0].value * 25), *observed[1:]]
    clean, bent = (
        log_errors(observed, Tables(BARE.rates, tuple(fit(some, BARE))))
        for some in (observed, spoiled)
    )
    assert np.max(np.abs(bent - clean)) < 0.06


@pytest.fixture(scope="module")
def published():
    return read_folders([SHIPPED_ROWS], CATALOG, BARE)


@pytest.mark.parametrize("kind", ["train", "forward"])
def test_where_a_fit_ends_does_not_depend_on_where_it_begins(published, kind):
    """From the priors, and from half a spread beside every one of them at once."""
    observed = published[0][kind]
    neutral, above, below = (
        log_errors(observed, Tables(BARE.rates, tuple(fit(observed, BARE, shift=shift))))
        for shift in (0.0, 0.5, -0.5)
    )
    assert np.max(np.abs(above - neutral)) < 0.05
    assert np.max(np.abs(below - neutral)) < 0.05


def test_shipped_rows_are_possible_and_cited(published):
    observed, rejected = published
    assert not rejected
    assert sum(len(rows) for rows in observed.values()) > 450
    for path in SHIPPED_ROWS.glob("*.csv"):
        text = path.read_text("utf-8").splitlines()
        assert text[0].endswith("source,as_of")
        assert all(line.endswith("2026-11") for line in text[1:])


def test_slopes_agree_with_finite_differences():
    asked = cases()
    design = Design(asked)
    work = columns(asked, BARE)

    def errors(found):
        return np.log(times("train", work, found).value)

    at = design.start
    slopes = design.slopes(errors, at)
    for place in range(at.size):
        step = np.zeros(at.size)
        step[place] = 1e-5
        moved = errors(design.coefficients(at + step)) - errors(design.coefficients(at))
        assert np.allclose(slopes[:, place], moved / 1e-5, atol=2e-3)


def test_intervals_from_left_out_models_hold_new_measurements():
    """Widths learnt on one draw of noise, tried on another: 90% within a binomial's scatter."""
    seen = synthetic(0.08, seed=1)
    rows = tuple(fit(seen, BARE))
    found = leave_out(seen, BARE, ["model"])
    width = float(np.quantile(np.abs(found["model"].errors), 0.9))
    fresh = [log_errors(synthetic(0.08, seed), Tables(BARE.rates, rows)) for seed in (2, 3, 4)]
    inside = np.mean(np.abs(np.concatenate(fresh)) <= width)
    assert 0.82 <= inside <= 0.99


def test_widths_hold_for_the_next_device():
    """Devices whose rows share an error: widths of six hold a seventh's nine times in ten."""
    names = ["A100 SXM 80GB", "H100 SXM 80GB", "H200", "B200 SXM 180GB", "L40S", "MI300X", "T4"]
    cases = [Case.of("llama-2-7b", name, CATALOG, work="train") for name in names for _ in range(4)]
    seen = [Observed(case, 1.0, twin=str(place)) for place, case in enumerate(cases)]
    rng, inside = np.random.default_rng(3), []
    for _ in range(60):
        errors = np.repeat(rng.normal(0, 0.15, len(names)), 4) + rng.normal(0, 0.03, len(seen))
        left = {"device": LeftOut(errors[:-4], tuple(("device",) for _ in seen[:-4]))}
        rows = interval_rows(Tried.of(seen[:-4], left), "2026-11")
        widths = Tables((), (), tuple(rows)).widths
        width = log_width(widths, groups_of(seen[-1].case), ("device",))
        inside.append(float(np.mean(np.abs(errors[-4:]) <= width)))
    assert 0.85 <= np.mean(inside) <= 0.99


def test_widths_grow_with_the_distance():
    """Of the shipped table: what is new never narrows, and two new things widen more than one."""
    widths = shipped_tables().widths
    chains = {(group, group.split()[0]) for group, _ in widths}
    assert chains
    for chain in chains:
        known = log_width(widths, chain, ())
        for thing in ("device", "generation", "software"):
            wider = log_width(widths, chain, (thing,))
            assert wider > known
            assert log_width(widths, chain, (thing, "software")) >= wider


def test_a_group_never_measured_is_as_wide_as_its_parts_say():
    """Static is twice as wide as closed, vllm half as wide again: together wider than either."""
    rng, found = np.random.default_rng(5), []
    sizes = {("closed", "trtllm"): 0.1, ("static", "trtllm"): 0.2, ("closed", "vllm"): 0.15}
    for (regime, software), size in sizes.items():
        case = Case.of("llama-2-7b", "H100 SXM 80GB", CATALOG, regime=regime, software=software)
        found += [(case, size * error) for error in rng.normal(0, 1, 400)]
    seen = [Observed(case, 1.0, twin=str(place)) for place, (case, _) in enumerate(found)]
    errors = np.array([error for _, error in found])
    left = {"model": LeftOut(errors, tuple(() for _ in seen))}
    widths = Tables((), (), tuple(interval_rows(Tried.of(seen, left), "2026-11"))).widths

    def width(regime: str, software: str) -> float:
        case = replace(seen[0].case, regime=regime, software=software)
        return log_width(widths, groups_of(case), ())

    for measured, size in sizes.items():
        assert width(*measured) == pytest.approx(1.645 * size, rel=0.15)
    assert width("static", "vllm") > max(width(*measured) for measured in sizes)


def test_rows_that_beat_the_best_kernels_are_rejected():
    """Llama-3.1-8B in fp8 on H200: 70 requests/s of 4,000 tokens would take 113% of the peak."""
    case = Case.of(
        "llama-3.1-8b", "H200", CATALOG, precision="fp8", batch=64, tokens=4000, new_tokens=100,
        software="vllm",
    )  # fmt: skip
    flops = 2 * 7.5e9 * 4000
    most = 1.979e15 / flops
    kept, refused = possible([Observed(case, most * 50), Observed(case, most * 115)], BARE)
    assert [one.value for one in kept] == [most * 50]
    assert "best kernels" in refused[0][1]


def test_a_hundred_copies_weigh_as_ten_rows():
    one = synthetic(0.0)[0]
    copies = [replace(one, group="many", twin=str(place)) for place in range(100)]
    releases = [replace(one, group="few", twin="same") for _ in range(9)]
    found = weighed([*copies, *releases])
    total = {
        name: sum(row.weight for row in found if row.group == name) for name in ("many", "few")
    }
    assert total == pytest.approx({"many": 10, "few": 1})


def test_the_weighted_quantile_is_numpys_where_weights_are_equal():
    values = np.random.default_rng(0).normal(size=2001)
    found = quantile(values, np.ones(values.size), 0.9)
    assert found == pytest.approx(np.quantile(values, 0.9), abs=0.01)
    assert quantile(np.array([1.0, 5.0]), np.array([9.0, 1.0]), 0.2) == pytest.approx(1.0)


def test_the_band_is_the_binomials():
    low, high = band95(100)
    assert (low, high) == pytest.approx((0.8412, 0.9588), abs=1e-4)


@pytest.mark.parametrize("row", read_table(PUBLISHED / "constants.csv", ConstantRow))
def test_every_constant_is_explained_and_lies_in_its_range(row):
    assert row.low <= row.value <= row.high
    assert row.meaning
    assert row.unit
    assert row.source
    fitted = shipped_tables().value(row.kind, "common", "all", row.coefficient)
    assert row.low <= fitted <= row.high


def test_every_coefficient_is_near_what_was_known_of_it():
    """None is fitted further than four spreads of its prior: nothing there is a free constant."""
    for row in shipped_tables().coefficients:
        assert row.coefficient in NAMES
        assert abs(math.log(row.value / row.prior)) <= 4 * row.log_sd, row


@pytest.mark.parametrize("kind", KINDS)
def test_no_factors_together_leave_the_plausible_range(kind):
    """Whatever device, generation, software and modes meet: all of them at once, or one."""
    tables = shipped_tables()
    factors = {(row.level, row.name) for row in tables.coefficients if row.kind == kind}
    limits = priors(kind)
    for some in ((), tuple(sorted(factors)), *((one,) for one in sorted(factors))):
        found = resolve(tables, kind, some)
        for name, row in limits.items():
            assert row.low * 0.999 <= getattr(found, name) <= row.high * 1.001, (some, name)


def test_shipped_intervals_widen_with_distance():
    tables = shipped_tables()
    for kind in KINDS:
        widths = [
            log_width(tables.widths, (kind,), new)
            for new in ((), ("device",), ("generation",), ("generation", "software"))
        ]
        assert 0 < widths[0] < min(widths[1:]) < 1


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    for name, text in (("training", TRAINING), ("vision", VISION), ("serving", SERVING)):
        (folder / f"{name}_throughput.csv").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def made(facts):
    return refit(facts)


@pytest.mark.slow
def test_tables_refitted_are_read_again_as_they_were(made, tmp_path):
    write_tables(made.tables, tmp_path)
    again = read_tables(tmp_path)
    assert again.coefficients == made.tables.coefficients
    assert again.intervals == made.tables.intervals
    for kind in KINDS:
        assert all(again.value(kind, "common", "all", name) for name in NAMES)


@pytest.mark.slow
def test_a_report_scores_every_group_against_simple_rules(facts):
    report = validate(facts)
    groups = {score.group for score in report.scores}
    assert {score.group for score in report.simple} <= groups
    assert {"train dense", "serve experts closed vllm"} <= groups
    page = markdown(report, "accuracy.svg")
    assert "(accuracy.svg)" in page
    assert all(group in page for group in groups)
    measured = {point.measured for point in report.points}
    assert measured <= {1039, 10643, 19271, 1570.66, 912.7, 346.11, 3107.27, 362, 429.0}


def test_excluded_rows_are_named_and_not_fitted(tmp_path):
    lines = SERVING.replace("\\\n", "").splitlines()
    wrong = lines[-1].replace("vllm 0.18.0", "trtllm gpt-oss-dev").replace(",8,8,fp4", ",16,16,fp4")
    (tmp_path / "serving_throughput.csv").write_text("\n".join([*lines, wrong]) + "\n", "utf-8")
    observed, rejected = read_folders([tmp_path], CATALOG, BARE)
    assert len(observed["serve"]) == 3
    assert "multiplied" in rejected[0].reason
    assert (rejected[0].file, rejected[0].row) == ("serving_throughput.csv", 5)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="none of the files"):
        refit(tmp_path)
    (tmp_path / "training_throughput.csv").write_text("", "utf-8")
    with pytest.raises(InputError, match="readable CSV"):
        refit(tmp_path)
