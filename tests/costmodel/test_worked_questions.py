"""The worked business questions still come to what their findings say."""

from __future__ import annotations

import re

import pytest

from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario import scenario as scenarios

SAID = {
    "chat_api_startup": "not_viable",
    "document_classification": "viable",
    "enterprise_on_premises": "viable",
    "image_generation": "depends",
    "internal_copilot": "viable",
    "medical_vision": "depends",
    "pretrain_foundation": "not_viable",
    "translation_service": "not_viable",
}


def test_every_shipped_question_is_held_to_its_finding():
    assert {*SAID, "base"} == set(scenarios.shipped())


@pytest.mark.parametrize(("name", "outcome"), SAID.items())
def test_a_finding_still_holds(name, outcome):
    question = scenarios.load(name)
    found = evaluate(question, trials=2048, parts=("risk",)).verdict
    assert found.outcome == outcome
    chances = [
        re.search(pattern, question.text[language]["finding"])
        for language, pattern in (
            ("en", r"(?:in|at) ([\d.]+)% of trials|depends, at ([\d.]+)%"),
            ("zh_CN", r"概率(?:只有|为)? ?([\d.]+)%"),
        )
    ]
    for match in chances:
        if match is not None:
            said = float(next(group for group in match.groups() if group)) / 100
            assert found.probability_npv_positive == pytest.approx(said, abs=0.03)
    assert name == "document_classification" or all(chances)
