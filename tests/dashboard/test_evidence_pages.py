"""Meter, trends, and the work on every device: figures by hand, pages by opening them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from modelworth.costmodel.analysis import MarketPath
from modelworth.costmodel.business import market
from modelworth.dashboard.parts import devices
from modelworth.dashboard.parts import metered_windows as meter
from modelworth.data.importers.foreign import read_foreign
from modelworth.data.importers.told import Told
from modelworth.data.measurement import Measurement
from modelworth.data.serving import Load, Serving
from modelworth.report.charts import Point
from modelworth.report.words import Words
from tests.dashboard.conftest import fill, record
from tests.dashboard.test_pages import said, visit
from tests.data.importers.results import VLLM


def window(place: int, output: int) -> Measurement:
    """A minute on one device, by the server's own counts."""
    found = record(place, kind="serve")
    assert found.result is not None
    serving = Serving(
        input_tokens=3 * output, output_tokens=output, output_tokens_per_s=output / 60
    )
    document = found.model_dump(exclude={"id"}) | {
        "suite": "meter",
        "recorded_at": datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=place),
        "load": Load(endpoint="mine", duration_s=60.0, cached_share=0.5),
        "result": found.result.model_copy(update={"serving": serving}),
    }  # fmt: skip
    return Measurement.model_validate(document)


def test_metered_windows_cost_what_the_hours_do():
    records = [window(0, 60_000), window(1, 30_000)]
    assert list(meter.by_endpoint(records)) == ["mine"]
    found = meter.windows(records, usd_per_device_hour=6.0, most_per_s=2000.0)
    # a minute costs $0.10: over 240,000 tokens $0.4167 a million, over 120,000 twice that
    assert [one.cost.reserved for one in found] == pytest.approx([0.1 / 0.24, 0.1 / 0.12])
    total = meter.together(found, 6.0, 2000.0)
    assert total.reserved == pytest.approx(0.2 / 0.36)
    assert total.load_share == pytest.approx(90_000 / 120 / 2000)


def test_the_path_ahead_starts_in_the_month_before_opening():
    path = MarketPath("rent", 2.0, None, None, "exponential", (1.0, 0.5, 0.25), ())
    assert market.ahead(path, "2025-12", 4.0) == (
        ("2025-12-01", 4.0), ("2026-01-01", 2.0), ("2026-02-01", 1.0),
    )  # fmt: skip


def test_nothing_on_the_frontier_is_both_dearer_and_slower():
    every = [Point(x, y, "") for x, y in ((3, 1), (1, 5), (2, 6), (2, 3), (4, 1), (5, 0.5))]
    assert [(p.place, p.value) for p in devices.unbeaten(every)] == [
        (1, 5),
        (2, 3),
        (3, 1),
        (5, 0.5),
    ]


def test_meter_and_trends_open_with_and_without_records(start, tmp_path, empty_store):
    url = fill(f"sqlite:///{tmp_path}/metered.db", [window(place, 60_000) for place in range(3)])
    for store, language in ((empty_store, "en"), (url, "zh_CN")):
        test = start(store, language)
        for page in ("meter", "trends"):
            test.switch_page(f"views/{page}.py").run()
            assert not test.exception
            assert not test.error
    assert test.switch_page("views/meter.py").run().metric


def test_every_device_answers_or_says_why(start, empty_store):
    test = start(empty_store).switch_page("views/predict.py").run()
    for view in ("devices", "model"):
        test.segmented_control(key="predict.view").set_value(view).run()
        assert not test.exception
        assert not test.error


def test_a_load_test_is_drawn_at_the_percentile_that_it_has(start, tmp_path):
    """`vllm bench serve` writes means, medians and 99th percentiles."""
    path = tmp_path / "vllm.json"
    path.write_text(json.dumps(VLLM))
    records = read_foreign(path, Told(device="H100 SXM 80GB", count=1))
    test = visit(start(fill(f"sqlite:///{tmp_path}/vllm.db", records)), "measurements")
    test.segmented_control(key="measurements.view").set_value("load").run()
    assert not test.exception
    offered = test.segmented_control(key="measurements.percentile")
    assert (offered.value, list(offered.options)) == ("p99", ["99th", "Median"])
    assert Words("en").t("measurements.loads.reading") in said(test)


def test_filters_stay_from_view_to_view_and_kinds_are_said_in_words(start, full_store):
    test = visit(start(full_store, "zh_CN"), "measurements")
    test.segmented_control(key="measurements.view").set_value("size").run()
    test.multiselect(key="filter.kind").set_value(["decode"]).run()
    for name in ("pivot", "load", "all"):
        test.segmented_control(key="measurements.view").set_value(name).run()
        assert not test.exception
    assert test.multiselect(key="filter.kind").value == ["decode"]
    assert set(test.dataframe[0].value["kind"]) == {Words("zh_CN").t("kind.decode")}


def test_the_rents_and_the_path_say_of_which_device(start, empty_store):
    test = visit(start(empty_store, **{"from": "medical_vision"}), "trends")
    assert any("Dots: H100" in one.value and "Path: L40S" in one.value for one in test.caption)
