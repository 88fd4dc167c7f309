"""What `modelworth meter` shows: a window as lines, or windows in a live table."""

# ruff: noqa: T201
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelworth.costmodel.business.metered import Metered, elsewhere_usd_per_million, metered
from modelworth.verbs.shown import figure

if TYPE_CHECKING:
    from rich.table import Table

    from modelworth.bench.load.metrics import Window
    from modelworth.data.api_prices import ApiPrice
    from modelworth.data.measurement import Energy, Measurement

ROWS = 20
COLUMNS = ("time", "in/s", "out/s", "cached", "running", "waiting", "busy", "W", "J/token",
           "$/M reserved", "$/M used")  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """A window with all that its costs need."""

    record: Measurement
    window: Window
    energy: Energy | None
    usd_per_hour: float | None
    usd_said: str
    capacity_tokens_per_s: float | None
    offers: tuple[ApiPrice, ...]

    @property
    def cost(self) -> Metered | None:
        """What its tokens cost; None without a price or without counts."""
        seen = self.window
        if self.usd_per_hour is None or seen.output_tokens is None:
            return None
        return metered(
            usd_per_hour=self.usd_per_hour,
            duration_s=seen.duration_s,
            input_tokens=seen.input_tokens or 0.0,
            output_tokens=seen.output_tokens,
            busy_share=seen.busy_share,
            capacity_tokens_per_s=self.capacity_tokens_per_s,
        )


@contextmanager
def shown(watch: bool) -> Iterator[Callable[[View], None]]:
    """A function that shows a window: lines once, or a row of a table that stays."""
    if not watch:
        yield _lines
        return
    from rich.live import Live

    rows: list[View] = []
    with Live(_table(rows), auto_refresh=False) as live:

        def show(view: View) -> None:
            rows.append(view)
            del rows[:-ROWS]
            live.update(_table(rows), refresh=True)

        yield show


def _lines(view: View) -> None:
    seen, machine = view.window, view.record.machine
    print(f"{view.record.model.name}, {seen.engine} on {machine.count} × {machine.device}")
    print(
        f"  {seen.duration_s:.1f} s: {_count(seen.input_tokens)} tokens in, "
        f"{_count(seen.output_tokens)} out, {_share(seen.cached_share)} of prompts cached"
    )
    print(f"  running {figure(seen.running)}, waiting {figure(seen.waiting)}, "
          f"busy {_share(seen.busy_share)} of the time")  # fmt: skip
    if view.energy is not None:
        print(f"  {figure(view.energy.mean_power_w)} W, "
              f"{figure(view.energy.energy_j_per_unit)} J a token")  # fmt: skip
    _print_costs(view)


def _print_costs(view: View) -> None:
    cost = view.cost
    if cost is None or cost.reserved is None:
        said = view.usd_said if view.usd_per_hour is None else "no token was counted"
        print(f"  no cost per token: {said}")
        return
    print(f"  USD per million tokens ({figure(view.usd_per_hour)} USD an hour, {view.usd_said}):")
    print(f"    {figure(cost.reserved):>10}  reserved: every hour is paid")
    print(f"    {figure(cost.used):>10}  as used: only busy time is paid")
    print(f"    {figure(cost.output_alone):>10}  with all of it charged to the output tokens")
    if cost.load_share is not None:
        print(f"    {figure(cost.at_capacity):>10}  at the measured capacity; this load is "
              f"{cost.load_share:.0%} of it, and {figure(cost.idle_usd_per_hour)} USD an hour "
              "are paid for the rest")  # fmt: skip
    seen = view.window
    mix = seen.input_tokens or 0.0, seen.output_tokens or 0.0, seen.cached_share or 0.0
    for offer in view.offers:
        there = figure(elsewhere_usd_per_million(offer, *mix))
        print(f"    {there:>10}  at {offer.provider} {offer.model} ({offer.as_of})")


def _table(rows: list[View]) -> Table:
    from rich.table import Table

    table = Table(*COLUMNS, title=rows[-1].record.model.name if rows else "reading …")
    for view in rows:
        seen, cost, energy = view.window, view.cost, view.energy
        table.add_row(
            f"{view.record.recorded_at:%H:%M:%S}",
            figure(seen.input_tokens and seen.input_tokens / seen.duration_s),
            figure(seen.output_tokens and seen.output_tokens / seen.duration_s),
            _share(seen.cached_share),
            figure(seen.running),
            figure(seen.waiting),
            _share(seen.busy_share),
            figure(energy.mean_power_w if energy else None),
            figure(energy.energy_j_per_unit if energy else None),
            figure(cost.reserved if cost else None),
            figure(cost.used if cost else None),
        )
    return table


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"
