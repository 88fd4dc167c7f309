"""What a study adds to the record of a run: what it was about and what it found."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from modelworth.data.record import Name, Record, require_ordered

Bounded = Annotated[float, Field(ge=-1e30, le=1e30)]


class Estimate(Record):
    """A figure of a study with its 95% interval, if it has one; unlike a rate it may be below 0."""

    value: Bounded
    low: Bounded | None = None
    high: Bounded | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require_ordered(self.value, self.low, self.high)
        return self


class Study(Record):
    """What a run of a study was about and what it found, beside its speed.

    Attributes:
        name: which study.
        method: what was done, such as `scratch`, `ghost`, `integrated_gradients`, `deduplicate`.
        corpus: digest of the text or images that it worked on; None: made by the study itself.
        settings: what decides the outcome beside model and workload (tokens, epsilon, seed, …).
        figures: what came out, the unit in each name; a `_share` lies between 0 and 1.
    """

    name: Literal["data", "learning", "privacy", "explain"]
    method: Name
    corpus: Name | None = None
    settings: dict[str, bool | int | float | str] = Field(default_factory=dict)
    figures: dict[str, Estimate] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for key, found in self.figures.items():
            ends = (found.low, found.value, found.high)
            if key.endswith("_share") and any(not 0 <= it <= 1 for it in ends if it is not None):
                raise ValueError(f"figures.{key}: a share lies between 0 and 1, not {found.value}")
        return self
