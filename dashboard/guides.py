"""The questions that people come with: what each asks, and the plan that the answers change.

A guide is a file of data/guides: a whole scenario with ranges and sources, and the list of what a
reader is asked. The answers are changes of that scenario, nothing is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from modelworth import data
from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.data import yaml_reader

FOLDER = Path(data.__file__).parent / "guides"
Answer = Literal["verdict", "options", "volume", "training"]


@dataclass(frozen=True, slots=True)
class Guide:
    """A kind of question.

    Attributes:
        key: the file's name, and the message key of its name.
        answer: what leads the answer: the verdict, the options, a break-even volume, or what a
            training run costs.
        asks: what a reader is asked, in order: fields of the scenario, or one of `asks.SPECIAL`.
    """

    key: str
    icon: str
    answer: Answer
    asks: tuple[str, ...]
    scenario: Scenario


@cache
def load_guides() -> dict[str, Guide]:
    """The shipped questions in the order in which they are offered."""
    files = [(path, _read(path)) for path in FOLDER.glob("*.yaml")]
    files.sort(key=lambda entry: entry[1]["order"])
    return {path.stem: _guide(path, found) for path, found in files}


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml_reader.read(path.read_text("utf-8"), path.name))


def _guide(path: Path, found: dict[str, Any]) -> Guide:
    return Guide(
        key=path.stem,
        icon=found["icon"],
        answer=found["answer"],
        asks=tuple(found["asks"]),
        scenario=scenarios.from_document(found["scenario"], path.name),
    )
