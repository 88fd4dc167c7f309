"""Rents, purchase price, power and peak of the scenario's device, from the catalogue."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Accelerator, Catalog, RentQuote, Terms
from modelworth.data.errors import InputError

ON_DEMAND: Final = "compute.rent_on_demand_usd_per_gpu_hour"
PURCHASE: Final = "compute.purchase_usd_per_gpu"
RESERVED: Final = "compute.rent_reserved_usd_per_gpu_hour"
RENTS: Final[tuple[tuple[str, Terms], ...]] = (
    (ON_DEMAND, "on-demand"),
    (RESERVED, "1yr"),
    ("compute.rent_spot_usd_per_gpu_hour", "spot"),
)

POWERS: Final = ("compute.power_kw_per_gpu", "building.power_kw_per_gpu")
RATED_W: Final = 700.0
"""Of the boards, H100's and H200's, whose power with a share of the server the table has."""


def priced(
    scenario: Scenario, catalog: Catalog, device: str | None, cpu_cores: int | None
) -> dict[str, Setting]:
    """What the catalogue says about the device that the scenario names, or that was measured.

    Raises:
        InputError: if the scenario names a device that the catalogue doesn't know, and nothing
            was measured on it either.
    """
    named = scenario.hardware.accelerator or device
    if named is None:
        return {}
    try:
        accelerator = catalog.accelerator(named)
    except InputError:
        if device is None:
            raise
        return _cpu(cpu_cores) if cpu_cores else {}
    settings = _rents(scenario, catalog, accelerator.name)
    settings |= _purchase(catalog, accelerator.name)
    return settings | _power(accelerator) | _peak(accelerator)


def _rents(scenario: Scenario, catalog: Catalog, name: str) -> dict[str, Setting]:
    """Rents by terms; terms that nobody offers, or that cost more than on demand, are left out."""
    found: dict[str, Setting] = {}
    for key, terms in RENTS:
        try:
            quote = catalog.rent(name, scenario.hardware.provider, terms)
        except InputError:
            continue
        found[key] = _quoted(key, quote)
    on_demand = found.get(ON_DEMAND)
    if on_demand is None:
        return found
    dearer = [key for key in found if _price(found[key]) > _price(on_demand)]
    kept = {key: setting for key, setting in found.items() if key not in dearer}
    return kept | {"building.rent_usd_per_gpu_hour": kept.get(RESERVED, on_demand)}


def _price(setting: Setting) -> float:
    assert isinstance(setting.value, float)
    return setting.value


def _quoted(key: str, quote: RentQuote) -> Setting:
    """A rent as uncertain as providers differ."""
    spec: dict[str, Any] | None = None
    if quote.low < quote.high:
        spec = {"low": quote.low, "mode": quote.usd_per_gpu_hour, "high": quote.high}
    row = load_drivers()[key]
    drawn = parse(key, spec, (row.minimum, row.maximum)) if spec else None
    return Setting(quote.usd_per_gpu_hour, drawn, spec, quote.source, quote.as_of, "published")


def _purchase(catalog: Catalog, name: str) -> dict[str, Setting]:
    rows = [row for row in catalog.purchases if row.accelerator == name]
    if not rows:
        return {}
    newest = max(row.as_of for row in rows)
    price = median(row.usd_per_gpu for row in rows)
    source = "; ".join(sorted({row.source for row in rows}))
    setting = Setting(price, source=source, as_of=newest, basis="published")
    return {PURCHASE: setting, "building.server_usd_per_gpu": setting}


def _power(accelerator: Accelerator) -> dict[str, Setting]:
    """Power with a share of the server: the table's, in proportion to the board's own."""
    if accelerator.board_power_w in (None, RATED_W):
        return {}
    share = accelerator.board_power_w / RATED_W
    return {key: _scaled(key, share, accelerator) for key in POWERS}


def _scaled(key: str, factor: float, accelerator: Accelerator) -> Setting:
    """A driver's usual value and range, times a factor that a datasheet gives."""
    row = load_drivers()[key]
    usual = {"low": row.low, "mode": row.default, "high": row.high}
    spec = {name: factor * value for name, value in usual.items() if value is not None}
    drawn = parse(key, spec, (row.minimum, row.maximum))
    source = f"{accelerator.board_power_w:g} W ({accelerator.source}); {row.source}"
    return Setting(spec["mode"], drawn, spec, source, accelerator.as_of, "published")


def _peak(accelerator: Accelerator) -> dict[str, Setting]:
    peak = accelerator.matmul_flops_per_s["bf16"] or accelerator.matmul_flops_per_s["fp16"]
    if peak is None:
        return {}
    setting = Setting(peak, source=accelerator.source, as_of=accelerator.as_of, basis="published")
    return {"building.peak_flops_per_s": setting}


def _cpu(cores: int) -> dict[str, Setting]:
    """A CPU server is rented by its cores."""
    row = load_drivers()["compute.cpu_core_usd_per_hour"]
    setting = Setting(
        cores * row.default,
        source=f"{cores} cores at {row.default:g} USD an hour: {row.source}",
        as_of=row.as_of,
    )
    keys = [key for key, _ in RENTS]
    return dict.fromkeys(keys, setting)
