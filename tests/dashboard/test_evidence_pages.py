"""Meter, trends, and the work on every device: figures by hand, pages by opening them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelworth.costmodel.analysis import MarketPath
from modelworth.costmodel.business import market
from modelworth.dashboard.parts import devices
from modelworth.dashboard.parts import metered_windows as meter
from modelworth.data.measurement import Measurement
from modelworth.data.serving import Load, Serving
from modelworth.report.charts import Point
from tests.dashboard.conftest import fill, record


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
