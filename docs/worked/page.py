"""The pages: what was studied, what the plan makes of it, and the ways side by side."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from modelworth.costmodel.analysis import Analysis, Finding, OptionResult
from modelworth.costmodel.business import chain_data, chain_measured, chain_trust
from modelworth.costmodel.evaluate import evaluate
from modelworth.costmodel.scenario.scenario import Scenario, load, with_overrides
from modelworth.data import exchange
from modelworth.data.measurement import Measurement
from modelworth.report.conclusion import conclusion
from modelworth.report.words import Words

DOCS: Final = Path(__file__).parents[1]
STUDIES: Final = "*-studies.jsonl"
SCENARIO: Final = "own_small_or_bought"
PAGES: Final = {
    DOCS / "worked-question.md": "en",
    DOCS / "worked-question.zh-CN.md": "zh_CN",
}
TRIALS: Final = 1024
PROMISE: Final = "trust.explained_share"
SHOWN: Final = 3
TURN: Final = {
    "en": "- From {volume} letters a month on, “{after}” is cheapest instead of “{before}”.",
    "zh_CN": "- 每月从 {volume} 封起，最便宜的方式由“{before}”变为“{after}”。",
}


def written(language: str) -> str:
    """The page in a language."""
    words, records = Words(language), studied()
    template = (Path(__file__).parent / f"page.{language}.md").read_text("utf-8")
    analysis, promised = analysed(), analysed(explained=0.01)
    return template.format(
        **_studied(words, records),
        **_placed(words, analysis),
        finding=conclusion(words, analysis),
        trials=f"{TRIALS:,}",
        ways="\n".join(_ways(words, analysis)),
        turns="\n".join(_turns(words, analysis)),
        ruled_out=_listed(words, promised),
    )


@cache
def studied() -> tuple[Measurement, ...]:
    """The studies that come with the project: the newest file."""
    newest = max((DOCS.parent / "data" / "measurements").glob(STUDIES))
    return tuple(exchange.read(newest))


@cache
def analysed(explained: float = 0.0) -> Analysis:
    """The plan, with a share of its answers explained."""
    plan: Scenario = load(SCENARIO)
    if explained:
        plan = with_overrides(plan, {PROMISE: explained})
    return evaluate(plan, studied(), trials=TRIALS, parts=("risk", "options"))


def _studied(words: Words, records: tuple[Measurement, ...]) -> dict[str, str]:
    """What the studies found, as the plan takes it."""
    hours, kept = chain_data.core_hours_per_tb(records), chain_data.kept_share(records)
    figures = chain_data.stage_records(records)["tokenise"].study
    slow = max(chain_trust.slowdowns(records)["trust.ghost_slowdown_factor"], key=_size)
    lost = max(chain_trust.quality_loss(records, "ghost", 8.0), key=_size)
    assert hours is not None
    assert kept is not None
    assert figures is not None
    machine = records[0].machine
    return {
        "device": machine.device,
        "cores": str(machine.cpu_cores),
        "core_hours": _spread(words, hours, "{:,.0f}"),
        "kept": words.percent(kept),
        "bytes_per_token": f"{figures.figures['bytes_per_token'].value:.1f}",
        "slowdown": _spread(words, slow.ends, "{:.1f}"),
        "studied_parameters": words.number(slow.parameters),
        "lost": _spread(words, lost.ends, "{:.0%}"),
    }


def _placed(words: Words, analysis: Analysis) -> dict[str, str]:
    """How large the plan's model is, and how far beyond those studied."""
    far = [it.values["factor"] for it in analysis.findings if _is_beyond(it)]
    parameters = analysis.drivers["building.active_parameters"].value
    return {
        "parameters": words.number(parameters),
        "factor": words.number(max(float(it) for it in far)),
        "npv": words.money(analysis.indicators["npv_usd"].base or 0.0),
    }


def _is_beyond(finding: Finding) -> bool:
    return (finding.id, finding.path) == (chain_measured.BEYOND, "trust.ghost_slowdown_factor")


def _size(point: chain_trust.Point) -> float:
    return point.parameters


def _spread(words: Words, ends: tuple[float, float, float], shown: str) -> str:
    value, low, high = (shown.format(end) for end in ends)
    return (
        f"{value}（{low} 至 {high}）" if words.language == "zh_CN" else f"{value} ({low} to {high})"
    )


def _ways(words: Words, analysis: Analysis) -> list[str]:
    """The best ways by NPV, and the plan; then doing nothing."""
    ranked = sorted(
        (it for it in analysis.options or () if it.feasible),
        key=lambda it: -(_figure(it, "npv_usd") or 0.0),
    )
    kept = [it for place, it in enumerate(ranked) if place < SHOWN or it.kind != "option"]
    return [_row(words, it) for it in kept]


def _row(words: Words, option: OptionResult) -> str:
    npv, unit = (_figure(option, key) for key in ("npv_usd", "usd_per_accepted_result"))
    best = option.probability_best
    cells = (
        words.t(f"option.{option.key}"),
        "—" if npv is None else words.money(npv),
        "—" if unit is None else words.money(unit),
        "—" if best is None else words.percent(best),
    )
    return f"| {' | '.join(cells)} |"


def _figure(option: OptionResult, key: str) -> float | None:
    return next((it.base for it in option.figures if it.key == key), None)


def _turns(words: Words, analysis: Analysis) -> list[str]:
    """Where the cheapest way changes with volume."""
    crossings = analysis.volume_curve.crossings if analysis.volume_curve else ()
    return [
        TURN[words.language].format(
            volume=words.number(it.requests_per_month),
            after=words.t(f"option.{it.after}"), before=words.t(f"option.{it.before}"),
        )
        for it in crossings
    ]  # fmt: skip


def _listed(words: Words, analysis: Analysis) -> str:
    """The ways that can't keep the promise."""
    out = [words.t(f"option.{it.key}") for it in analysis.options or () if not it.feasible]
    return ("、" if words.language == "zh_CN" else ", ").join(out)
