"""The worked questions keep no conclusion: what they find is made from the analysis."""

from __future__ import annotations

import re

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.report.conclusion import conclusion, sentences
from modelworth.report.words import Words

SAID = {
    "chat_api_startup": "not_viable",
    "document_classification": "viable",
    "enterprise_on_premises": "viable",
    "image_generation": "depends",
    "internal_copilot": "depends",
    "medical_vision": "depends",
    "multimodal_claims": "depends",
    "own_small_or_bought": "not_viable",
    "pretrain_foundation": "not_viable",
    "translation_service": ("not_viable", "depends"),  # at the very bound of the rule
    "trillion_parameters": "not_viable",
}
OPENINGS = {
    "viable": ("Yes by the rule", "按规则可行"),
    "not_viable": ("No by the rule", "按规则不可行"),
    "depends": ("It depends", "尚取决于条件"),
}


def test_every_shipped_question_is_held_to_its_finding():
    assert {*SAID, "base"} == set(scenarios.shipped())


@pytest.mark.parametrize("name", scenarios.shipped())
def test_no_question_keeps_a_number_or_a_conclusion(name):
    for prose in scenarios.load(name).text.values():
        assert "finding" not in prose


@pytest.mark.parametrize(("name", "outcomes"), SAID.items())
def test_a_finding_is_the_analysis_in_words(name, outcomes):
    question = scenarios.load(name)
    analysis = evaluate(question, trials=2048, parts=("risk",))
    found = analysis.verdict
    assert found.outcome in outcomes
    for language, opening in zip(("en", "zh_CN"), OPENINGS[found.outcome], strict=True):
        said = conclusion(Words(language), analysis)
        assert said.startswith(opening)
        share = float(re.search(r"([\d.]+)%", said).group(1)) / 100
        assert share == pytest.approx(found.probability_npv_positive, abs=0.006)
        assert "2,048" in said


def test_without_trials_no_probability_is_said():
    analysis = evaluate(scenarios.load("chat_api_startup"), trials=0, parts=())
    assert analysis.verdict.probability_npv_positive is None
    assert analysis.verdict.standard_error is None
    said = conclusion(Words("en"), analysis)
    assert said.startswith("In the base case alone")
    assert "trials" in said.split(".")[0]
    npv_usd = analysis.indicators["npv_usd"].base
    for words in (Words("en"), Words("zh_CN")):
        assert words.money(npv_usd) in conclusion(words, analysis)


def test_both_languages_hold_the_same_figures():
    for row in sentences("conclusions").values():
        assert set(re.findall(r"{(\w+)}", row.en)) == set(re.findall(r"{(\w+)}", row.zh))
