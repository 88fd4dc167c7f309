"""What a model scored, beside how fast it ran: a part of a measurement's result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelworth.data.record import Count, NonNegative, Record

Named = Annotated[str, Field(min_length=1, max_length=200)]


class Score(Record):
    """One metric of one task.

    Attributes:
        task, metric: as the tool names them, the metric with its filter (`acc,none`).
        value: a share for most metrics; perplexities and others are what they are.
        standard_error: of the value; None: the tool doesn't say.
        samples: questions asked.
    """

    task: Named
    metric: Named
    value: Annotated[float, Field(ge=-1e12, le=1e12)]
    standard_error: NonNegative | None = None
    samples: Count | None = None
