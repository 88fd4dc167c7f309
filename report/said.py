"""How the analysis' values are said: one rule for pages, documents and the terminal.

A figure's value is its base case; beside it stands the median of the trials, which the verdict's
conditions are on. A condition says what it asks, what the plan comes to, and whether that is the
base case, the median or a share of trials; a driver that turns the answer says on which side of
which value which answer holds, and what the plan takes. A return that nobody could earn, or a
share beyond all measure, is called so instead of being printed; what never happens is "never", with
the share of trials in which it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from modelworth.costmodel.analysis import (
    Analysis,
    BreakEven,
    Criterion,
    DriverUse,
    Figure,
    Finding,
    Flip,
    OptionResult,
)
from modelworth.costmodel.risk.figures import MEANINGFUL_RATE, RATES
from modelworth.costmodel.risk.flips import CHANCE
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report.conclusion import sentences
from modelworth.report.words import Words, catalogue

UNLIMITED = 1e15
"""A bound so far out that the plan sets none."""
AT_MOST = ("peak_funding_usd",)  # conditions of the rule that bound from above
BASES = ("measured", "interpolated", "extrapolated", "published", "assumed")
KEPT = "months_to_zero_margin"
ALMOST_WHOLE = 0.9995  # which would be said as over 99.9%
MOST_SHARE = 10.0  # 1,000%
_AMOUNT = re.compile(r"\{(\w+)\} ?(?:USD|美元)")  # a sum of money in a finding's sentence
_MINUS = re.compile(r"(?<![^\s(（，：“])-(?=(?:[A-Z]{2,3})?[$¥€£]?\d)")  # of a number
_KEY = re.compile(r"`([a-z_]+(?:\.[a-z0-9_]+)+)`")  # a driver's key in a finding's sentence
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def figure(words: Words, one: Figure) -> str:
    """A figure's value in the base case, or why there is none."""
    return _said(words, one, one.base, words.bare)


def whole_figure(words: Words, one: Figure) -> str:
    """The same with its unit beside it."""
    return _said(words, one, one.base, words.value)


def name(words: Words, one: Figure) -> str:
    """What a figure is called, and of which months it is where it is a unit cost."""
    called = words.name(one.key)
    return f"{called}, {convention(words, one)}" if one.convention else called


def convention(words: Words, one: Figure) -> str:
    """Of which months a unit cost is; empty for what isn't one."""
    return words.t(f"report.convention.{one.convention}") if one.convention else ""


def at(words: Words, one: Figure, number: float | None) -> str:
    """Another value of the figure (a quantile) by the same rule; empty where there is none."""
    return _quantile(words, one, number, words.value)


def at_bare(words: Words, one: Figure, number: float | None) -> str:
    """The same without its unit."""
    return _quantile(words, one, number, words.bare)


def quantiles(words: Words, one: Figure) -> tuple[str, str, str]:
    """The 10th, 50th and 90th percentile over the trials, without their unit."""
    ends = (one.p10, one.p50, one.p90)
    low, middle, high = (at_bare(words, one, end) for end in ends)
    return low, middle, high


def spread(words: Words, one: Figure) -> str:
    """The range of eight trials in ten, or in how many trials the figure has a value."""
    ends = (at(words, one, one.p10), at(words, one, one.p90))
    if "" in ends or (one.base is None and not one.ranked and one.in_part):
        return defined_in(words, one)
    if ends[0] == ends[1] or words.t("status.not_meaningful") in ends:
        return defined_in(words, one) if one.ranked else ""
    return words.t("range", low=ends[0], high=ends[1])


def beside(words: Words, one: Figure) -> str:
    """What stands under a figure: that it is the base case, the median, and the range."""
    parts, middle = [words.t("said.base")], at(words, one, one.p50)
    if middle == whole_figure(words, one):
        parts = [words.t("said.base_and_median")]
    elif middle:
        parts.append(words.t("said.median", value=middle))
    if rest := spread(words, one):
        parts.append(rest if rest == defined_in(words, one) else words.t("said.mostly", range=rest))
    return words.t("said.join").join(parts)


def defined_in(words: Words, one: Figure) -> str:
    """In how many trials the figure has a value, where that isn't all or none of them."""
    if not one.in_part:
        return ""
    kind = "reached" if one.ranked else "single" if one.key == "irr_per_year" else "defined"
    return words.t(f"said.{kind}_in", share=words.percent(one.share_defined or 0.0))


def finding(words: Words, one: Finding, *, named: bool = True) -> str:
    """What the plan's linter says, its numbers as everywhere; drivers by name or by key."""
    trap = sentences("traps")[one.id]
    text = trap.en if words.language == "en" else trap.zh
    known, amounts = load_drivers(), _AMOUNT.findall(text)

    def said(key: str, value: float | str) -> str:
        if isinstance(value, float):
            return words.money(value) if key in amounts else words.number(value)
        keys = value.split(", ")
        if all(key in known for key in keys):
            return words.t("report.list.comma").join(map(words.name, keys)) if named else value
        return catalogue(words.language).get(f"finding.{value}", value)

    values = {key: said(key, value) for key, value in one.values.items()}
    told = _AMOUNT.sub(r"{\1}", text).format(**values)
    return _KEY.sub(lambda key: path(words, key[1]), told) if named else told


def path(words: Words, key: str) -> str:
    """The name of a driver or figure with its key; a key alone where it has none."""
    if f"name.{key}" not in catalogue(words.language):
        return f"`{key}`"
    return words.t("said.named_key", name=words.name(key), path=key)


def signed(text: str, joint: str = "") -> str:
    """The text with minus signs for hyphens before numbers, and a joint behind each."""
    return _MINUS.sub(f"\u2212{joint}", text)


def _quantile(
    words: Words, one: Figure, number: float | None, say: Callable[[float | None, str], str]
) -> str:
    """A quantile; `never` where trials that never get there rank that low."""
    if number is None:
        ranks = one.ranked and one.in_part
        return never(words, one) if ranks else ""
    return _said(words, one, number, say)


def never(words: Words, one: Figure) -> str:
    """That an event doesn't come within the plan; of a margin that it is kept."""
    kept = one.key == KEPT
    return words.t("status.kept" if kept else "status.never")


def _said(
    words: Words, one: Figure, number: float | None, say: Callable[[float | None, str], str]
) -> str:
    if number is None:
        if one.status == "never":
            return never(words, one)
        return words.t(f"status.{one.status}") if one.status else words.t("unknown")
    if one.unit == "share":
        if one.key in RATES and number > MEANINGFUL_RATE:
            return words.t("status.not_meaningful")
        if one.key in RATES and ALMOST_WHOLE <= number < 1:  # a rate isn't bounded by 100%
            number = 1.0
        if abs(number) > MOST_SHARE:
            bound = words.percent(MOST_SHARE if number > 0 else -MOST_SHARE)
            return words.t("said.over" if number > 0 else "said.under", bound=bound)
    return say(number, one.unit)


def source(words: Words, text: str) -> str:
    """A source in the reader's language: as a whole where we know it, else part by part.

    Names of people, companies and papers stay as they are.
    """
    known = catalogue(words.language)
    if (whole := known.get(f"source.{text}")) is not None:
        return whole
    for gaps, said_as in _patterns(words.language):
        if ";" in gaps.pattern and (found := gaps.fullmatch(text)):
            return _filled(said_as, "*", list(found.groups()))
    parts = [_part(words.language, part) for part in text.split("; ")]
    return words.t("report.list.join").join(parts) if words.language != "en" else text


def _part(language: str, part: str) -> str:
    """One part of a source; a sentence with numbers is known by what stands around them."""
    known, numbers = catalogue(language), _NUMBER.findall(part)
    if (whole := known.get(f"source.{part}")) is not None:
        return whole
    pattern = known.get(f"source.{_NUMBER.sub('#', part)}") if numbers else None
    if pattern is not None and pattern.count("#") == len(numbers):
        return _filled(pattern, "#", numbers)
    for gaps, said_as in _patterns(language):
        if found := gaps.fullmatch(part):
            return _filled(said_as, "*", [_part(language, name) for name in found.groups()])
    head, colon, tail = part.partition(": ")
    return f"{_part(language, head)}: {_part(language, tail)}" if colon else part


def _filled(pattern: str, gap: str, values: Sequence[str]) -> str:
    for value in values:
        pattern = pattern.replace(gap, value, 1)
    return pattern


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Sentences with names in them: what stands around the names, and how it is said.

    The one that says most itself comes first.
    """
    known = catalogue(language)
    keys = [key for key in known if key.startswith("source.") and "*" in key]
    keys.sort(key=lambda key: -len(key.replace("*", "")))
    return tuple(
        (re.compile(re.escape(key.removeprefix("source.")).replace(r"\*", "(.+?)")), known[key])
        for key in keys
    )


def setting(words: Words, use: DriverUse) -> str:
    """What a plan takes for a driver; the first of its values where it has one a month."""
    if use.by_month:
        return words.t("report.by_month", first=words.value(use.value, use.unit))
    if use.key not in load_drivers():
        return words.value(use.value, use.unit)
    return driver_value(words, use.key, use.value)


def driver_value(words: Words, key: str, value: float) -> str:
    """A driver's value: the word of a choice or switch, else the number with its unit."""
    driver = load_drivers()[key]
    if driver.kind == "switch":
        return words.t("choice.true" if value else "choice.false")
    if driver.kind == "choice":
        return words.t(f"choice.{driver.word(value)}")
    return words.value(value, driver.unit)


def differences(
    words: Words, option: OptionResult, named: Callable[[str], str]
) -> tuple[list[str], list[str], list[str]]:
    """What an option does otherwise than the plan, what counts in it alone, and what no longer."""
    changed, only_here = (
        [f"{named(key)} {driver_value(words, key, value)}" for key, value in some.items()]
        for some in (option.changes, option.only_here)
    )
    return changed, only_here, [named(key) for key in option.not_here]


def came_out(words: Words, analysis: Analysis, one: Criterion) -> str:
    """What a condition came out at, and of what: a share of trials, their median, the base case."""
    value, figure = words.value(one.value, one.unit), analysis.indicators.get(one.key)
    if one.value is None or one.key == CHANCE:
        return value
    if figure is None or figure.p50 is None or one.value != figure.p50:
        return words.t("said.of_base", value=value)
    base = words.value(figure.base, figure.unit)
    same = base in (value, "")
    return words.t("said.of_both" if same else "said.of_median", value=value, base=base)


def condition(words: Words, analysis: Analysis, one: Criterion, named: str = "") -> str:
    """A condition of the verdict's rule: what the plan comes to, and what is asked."""
    side = "most" if one.key in AT_MOST else "least"
    if one.threshold >= UNLIMITED:
        side = "unlimited"
    return words.t(
        f"said.condition.{side}",
        name=named or words.name(one.key),
        value=came_out(words, analysis, one),
        threshold=words.value(one.threshold, one.unit),
    )


def side(words: Words, flip: Flip) -> str:
    """The values of a driver for which the answer is the other one: above or below which."""
    at = words.value(flip.at, flip.unit)
    return words.t("said.above" if flip.above else "said.below", at=at)


def pays(words: Words, found: BreakEven | Flip, now: float) -> str:
    """Between which values of a driver it pays: of several such stretches the one nearest `now`."""
    if not found.reached:
        return ""
    low, high = min(found.reached, key=lambda ends: max(ends[0] - now, now - ends[1]))
    kind = "between"
    if high == found.searched_high:
        kind = "from"
    elif low == found.searched_low:
        kind = "to"
    ends = {"low": words.value(low, found.unit), "high": words.value(high, found.unit)}
    return words.t(f"said.pays.{kind}", **ends)


def _turn(words: Words, flip: Flip) -> str:
    if flip.becomes is None:
        if flip.reached:
            return words.t("said.even.pays", pays=pays(words, flip, flip.now))
        return words.t("said.even", at=words.value(flip.at, flip.unit))
    becomes = words.t(f"report.becomes.{flip.becomes}")
    return words.t("said.turn", becomes=becomes, side=side(words, flip))


def turning(words: Words, analysis: Analysis, flips: Sequence[Flip], named: str = "") -> str:
    """Where one driver turns the answer, to what, and what the plan takes for it."""
    first = flips[0]
    sides = [_turn(words, flip) for flip in flips]
    use = analysis.drivers.get(first.driver)
    bar = next((bar for bar in analysis.tornado if bar.driver == first.driver), None)
    kind = "sure" if bar is None or use is None or use.distribution is None else "unsure"
    if kind == "unsure" and any(flip.known for flip in flips):
        kind = "open"
    return words.t(
        f"said.turns.{kind}",
        driver=named or words.name(first.driver),
        sides=words.t("said.join").join(sides),
        now=words.value(first.now, first.unit),
        range=words.bare_range(bar.low, bar.high, bar.unit) if bar else "",
    )
