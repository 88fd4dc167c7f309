"""What every section needs: the analysis, the reader's words, and axes in round units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from modelworth.costmodel.analysis import Analysis, Figure, OptionResult, Series
from modelworth.report import said
from modelworth.report.sections.blocks import Column, Table, clean, prose
from modelworth.report.sections.in_use import Used, in_use
from modelworth.report.words import SCALES, Words

Item = TypeVar("Item")
Say = Callable[[Item], str]
Said = tuple[str, float, Say[Item]] | tuple[str, float, Say[Item], bool]
WAY = {"compute.serving", "building.method", "compute.large_share"}
"""What makes one way to serve another than the next."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A round unit for an axis: values are divided by `size`; `title` names what is left."""

    size: float
    title: str

    def of(self, values: Iterable[float]) -> tuple[float, ...]:
        """The values in this unit, to the six digits that a chart can show."""
        return tuple(float(f"{value / self.size:.6g}") for value in values)


@dataclass(frozen=True)
class Context:
    """One analysis for one reader."""

    analysis: Analysis
    words: Words

    @cached_property
    def used(self) -> Used:
        """The drivers and lines that the plan really uses."""
        return in_use(self.analysis)

    def t(self, key: str, **values: object) -> str:
        """A message of the report's own."""
        return self.words.t(f"report.{key}", **values)

    def heads(self, *heads: tuple[str, float] | tuple[str, float, bool]) -> tuple[Column, ...]:
        """Columns: the word of each, its part of the width, and whether it holds numbers."""
        return tuple(
            Column(self.known(f"report.column.{word}", word), share, *numeric)
            for word, share, *numeric in heads
        )

    def table(self, items: Iterable[Item], *columns: Said[Item]) -> Table:
        """A row an item: each column's word, width, what it says, and whether that is a number."""
        shown = [(word, share, *numeric) for word, share, _, *numeric in columns]
        rows = (tuple(prose(say(item)) for _, _, say, *_ in columns) for item in items)
        return Table(self.heads(*shown), tuple(rows))

    def name(self, key: str) -> str:
        """What an indicator, line or driver is called; keys may come from a user's file."""
        return clean(self.words.name(key))

    def option_name(self, option: OptionResult) -> str:
        """What an option is called: by the scenario, or in the reader's language."""
        if option.label:
            return clean(option.label)
        name = self.option(option.key)
        return self.t("option.same", option=name) if self.same_way(option) else name

    def same_way(self, option: OptionResult) -> bool:
        """Whether an option serves and builds as the plan does already, on other terms."""
        return bool(option.changes) and not WAY & option.changes.keys()

    def option(self, key: str) -> str:
        """What one of the options is called."""
        return self.known(f"option.{key}", key.replace("_", " "))

    def prose(self, key: str) -> str:
        """A text of the scenario in the reader's language, or in whichever it has."""
        texts = self.analysis.text
        languages = [self.words.language, "en", *texts]
        found = (texts[language].get(key) for language in languages if language in texts)
        return next((text for text in found if text), "")

    def value(self, number: float | None, unit: str) -> str:
        """A formatted quantity."""
        return clean(self.words.value(number, unit))

    def figure(self, figure: Figure) -> str:
        """The figure's value in the base case, or why there is none."""
        return clean(said.whole_figure(self.words, figure))

    def status(self, figure: Figure) -> str:
        """What there is to know about a figure, in words."""
        return self.words.t(f"status.{figure.status}") if figure.status else ""

    def scale(self, unit: str, values: Iterable[float]) -> Scale:
        """The unit that keeps an axis' numbers short."""
        if unit == "share":
            return Scale(0.01, "%")
        largest = max((abs(value) for value in values), default=0.0)
        if not unit.startswith("usd"):
            return Scale(1.0, self.words.unit(unit))
        rate, currency = self.words.usd_per_currency, self.words.currency
        sizes = (size for size in SCALES[self.words.language] if largest / rate >= 2 * size)
        size = next(sizes, 1.0)
        scaled = self.t(f"scale.{size:.0f}", currency=currency) if size > 1 else currency
        return Scale(size * rate, self.words.unit(unit).replace(currency, scaled, 1))

    def months(self) -> tuple[float, ...]:
        """Months from 0 on, as an axis."""
        return tuple(float(month) for month in range(self.analysis.months + 1))

    def series(self, key: str) -> Series | None:
        """A monthly series, if the analysis has it."""
        return self.analysis.series.get(key)

    def known(self, key: str, otherwise: str) -> str:
        """A message, or what to say where there is none."""
        text = self.words.t(key)
        return clean(otherwise) if text == key else text
