"""A latency objective such as `ttft_p95<1s,tpot_p95<50ms`: read it, and see whether it held.

A term holds where no more requests than its quantile allows took longer; a failed request took
longer than anything. Goodput counts the requests that kept the limit of every term.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modelworth.bench.load.plan import Miss, Outcome
from modelworth.data.errors import InputError

Quantity = Literal["ttft", "tpot", "e2e"]
ALLOWED = "terms with commas: ttft, tpot or e2e, _p50 to _p99, < and a time: ttft_p95<1s"
UNITS_S = {"ms": 1e-3, "s": 1.0}
MOST_TERMS = 8


@dataclass(frozen=True, slots=True)
class Term:
    """One limit: this share of requests within so many seconds."""

    quantity: Quantity
    share: float
    most_s: float

    def __str__(self) -> str:
        return f"{self.quantity}_p{round(100 * self.share)}<{self.most_s * 1e3:g}ms"

    def kept_by(self, one: Outcome) -> bool:
        """Whether a request stayed within the limit; one without the quantity does."""
        value = one.value(self.quantity)
        return one.failure is None and (value is None or value <= self.most_s)


Objective = tuple[Term, ...]


def parse(text: str) -> Objective:
    """The terms of an objective.

    Raises:
        InputError: if it isn't one.
    """
    terms = []
    for part in text.split(","):
        found = re.fullmatch(
            r"(ttft|tpot|e2e)_p(50|[6-9]\d)\s*<=?\s*(\d{1,7}(?:\.\d{1,6})?)\s*(ms|s)",
            part.strip().lower(),
        )
        if found is None or not float(found[3]):
            raise InputError("--objective", text, ALLOWED)
        limit_s = float(found[3]) * UNITS_S[found[4]]
        terms.append(Term(found[1], int(found[2]) / 100, limit_s))  # type: ignore[arg-type]
    if len(terms) > MOST_TERMS:
        raise InputError("--objective", text, f"at most {MOST_TERMS} terms")
    return tuple(terms)


def misses(objective: Objective, requests: int) -> tuple[Miss, ...]:
    """How many of so many requests may miss each term before it can't hold any more."""
    return tuple(
        Miss(term.quantity, term.most_s, int((1 - term.share) * requests + 1e-9))
        for term in objective
    )


def holds(objective: Objective, due: Sequence[Outcome]) -> bool:
    """Whether every term held over the requests that were due."""
    return bool(due) and all(
        sum(not term.kept_by(one) for one in due) <= (1 - term.share) * len(due) + 1e-9
        for term in objective
    )


def kept(objective: Objective, one: Outcome) -> bool:
    """Whether a request kept every limit."""
    return all(term.kept_by(one) for term in objective)
