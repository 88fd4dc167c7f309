"""`modelworth list`: every name listed is one that the other verbs take."""

from __future__ import annotations

import json

import pytest

from modelworth.cli import main
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import shipped
from modelworth.data.api_prices import api_price
from modelworth.data.catalog import load_catalog


def listed(capsys, *words):
    """What the verb says as data."""
    assert main(["list", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_name_listed_is_known(capsys):
    catalog = load_catalog()
    models = listed(capsys, "models")
    devices = listed(capsys, "devices")
    assert [catalog.model(row["model"]).name for row in models] == [row["model"] for row in models]
    assert [row["device"] for row in devices] == [one.name for one in catalog.accelerators]
    assert [row["driver"] for row in listed(capsys, "drivers")] == list(load_drivers())
    assert [row["scenario"] for row in listed(capsys, "scenarios")] == list(shipped())


def test_a_device_is_listed_with_the_rent_that_a_prediction_takes(capsys):
    (device,) = listed(capsys, "devices", "h100", "sxm")
    assert device["usd_per_gpu_hour"] == load_catalog().rent("H100 SXM 80GB").usd_per_gpu_hour


def test_a_price_listed_is_the_one_that_an_option_pays(capsys):
    row = next(row for row in listed(capsys, "prices", "deepseek") if row["provider"] == "deepseek")
    price = api_price(row["model"], row["provider"])
    assert row["usd_per_million_output_tokens"] == price.usd_per_million_output_tokens


def test_only_lines_with_every_word_are_listed_whatever_their_case(capsys):
    rows = listed(capsys, "rents", "A100 sxm 80", "SPOT")
    assert {(row["device"], row["terms"]) for row in rows} == {("A100 SXM 80GB", "spot")}


def test_columns_stand_below_their_heads(capsys):
    assert main(["list", "models", "qwen3-32b"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    end = head.index("parameters_total") + len("parameters_total")
    assert rows
    assert all(row[:end].split()[-1] == "32,762,123,264" for row in rows)


def test_words_that_no_line_holds_are_refused_in_two_lines(capsys):
    assert main(["list", "models", "no-such-model"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "modelworth list: models: no-such-model",
        "  must be words of a line; without any, all are listed",
    ]


@pytest.mark.parametrize(("look_up", "what"), [("model", "models"), ("accelerator", "devices")])
def test_a_name_that_nobody_knows_leads_to_the_list(look_up, what):
    with pytest.raises(Exception, match=f"such as .*all: modelworth list {what}"):
        getattr(load_catalog(), look_up)("no such name")
