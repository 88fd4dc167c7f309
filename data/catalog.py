"""The facts the project ships: accelerators, models, rents, purchase prices, power and carbon.

Rates of accelerators are dense peaks, never the doubled sparse figures that vendors print first.
Cards whose tensor cores run at half rate when they accumulate in FP32 (GeForce RTX) carry that
half rate, because training and inference accumulate so. A link's bandwidth is that of one device
in one direction; devices_per_node counts the devices that this link joins. Memory is in GiB, which
is what vendors mean by the GB of an accelerator. Prices are dated rows; none is ever rewritten.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cache, cached_property, lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError
from modelworth.data.kept_models import AGAIN, kept_row
from modelworth.data.words import Family

HERE = Path(__file__).parent
RENT_WINDOW = timedelta(days=365)
"""Rents older than this, counted from the newest of the same kind, don't enter the median."""

T = TypeVar("T")
Terms = Literal["on-demand", "1yr", "3yr", "spot"]
LISTED = {
    "model": "; all: modelworth list models",
    "accelerator": "; all: modelworth list devices",
    "provider": "; all: modelworth list prices",
}
"""Where all names stand."""
RATE_COLUMNS = {
    "bf16": "bf16_tflops", "fp16": "fp16_tflops", "fp8": "fp8_tflops", "fp4": "fp4_tflops",
    "int8": "int8_tops", "tf32": "tf32_tflops", "fp32": "fp32_tflops",
}  # fmt: skip


class Accelerator(Row):
    """One device as its datasheet describes it; None is unknown or not supported."""

    name: Text
    aliases: tuple[str, ...] = ()
    vendor: Text
    architecture: Text
    bf16_tflops: PositiveFloat | None = None
    fp16_tflops: PositiveFloat | None = None
    fp8_tflops: PositiveFloat | None = None
    fp4_tflops: PositiveFloat | None = None
    int8_tops: PositiveFloat | None = None
    tf32_tflops: PositiveFloat | None = None
    fp32_tflops: PositiveFloat | None = None
    bandwidth_gb_per_s: PositiveFloat
    memory_gib: PositiveFloat
    board_power_w: PositiveFloat | None = None
    link_gb_per_s: PositiveFloat | None = None
    network_gb_per_s: PositiveFloat | None = None
    devices_per_node: PositiveInt = 1
    release: str | None = None
    note: str | None = None

    @field_validator("aliases", mode="before")
    @classmethod
    def _split(cls, cell: object) -> object:
        return tuple(part for part in cell.split("|") if part) if isinstance(cell, str) else cell

    @property
    def matmul_flops_per_s(self) -> dict[str, float | None]:
        """Dense peak by precision (bf16, fp16, fp8, fp4, int8, tf32, fp32), FLOP/s."""
        rates = {key: getattr(self, column) for key, column in RATE_COLUMNS.items()}
        return {key: None if rate is None else rate * 1e12 for key, rate in rates.items()}

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Peak memory bandwidth."""
        return self.bandwidth_gb_per_s * 1e9

    @property
    def memory_bytes(self) -> int:
        """Memory of the device."""
        return round(self.memory_gib * 2**30)

    @property
    def link_bytes_per_s(self) -> float | None:
        """Bandwidth to the node's other devices, one direction, one device."""
        return None if self.link_gb_per_s is None else self.link_gb_per_s * 1e9

    @property
    def network_bytes_per_s(self) -> float | None:
        """Bandwidth to other nodes, one direction, one device."""
        return None if self.network_gb_per_s is None else self.network_gb_per_s * 1e9


class ModelEntry(Row):
    """A model's config in the format of transformers' config.json, and its size.

    Attributes:
        parameters_total: counted on the meta device of transformers.
        parameters_active: of those, used by one token, the input embedding included.
        published_total: as the authors state it; None for the project's own ladders.
        ladder: the architecture whose sizes are measured together; None: on none.
    """

    name: Text
    family: Family
    parameters_total: PositiveInt
    parameters_active: PositiveInt
    published_total: PositiveInt | None = None
    published_active: PositiveInt | None = None
    note: str | None = None
    ladder: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)


class Rent(Row):
    """What a provider asked for one device for an hour, on a date."""

    provider: Text
    accelerator: Text
    terms: Terms
    region: str | None = None
    usd_per_gpu_hour: PositiveFloat


class Purchase(Row):
    """What one device cost to buy, on a date."""

    accelerator: Text
    usd_per_gpu: PositiveFloat
    vendor: str | None = None
    gpus_bought: PositiveInt | None = None


class Electricity(Row):
    """Price of power for companies of a country or region, in the currency it was read in."""

    iso3: str | None = None
    country: Text
    price_per_kwh: PositiveFloat
    currency: Text


class Carbon(Row):
    """Carbon intensity of a country's grid."""

    iso3: Text
    country: Text
    gco2_per_kwh: float = Field(ge=0)


@dataclass(frozen=True, slots=True)
class RentQuote:
    """A rent drawn from dated rows: their median and range in USD per device and hour."""

    usd_per_gpu_hour: float
    low: float
    high: float
    rows: tuple[Rent, ...]

    @property
    def source(self) -> str:
        """The distinct sources of the rows."""
        return "; ".join(sorted({row.source for row in self.rows}))

    @property
    def as_of(self) -> str:
        """Date of the newest row."""
        return max(row.as_of for row in self.rows)


@dataclass(frozen=True)
class Catalog:
    """All tables, with look-ups that name near misses.

    Attributes:
        models: with configs from which they can be built, and read.
        described: as `modelworth inspect` described them; enough to predict, not to build.
        built: with configs that transformers or diffusers builds; reading knows some of them.
    """

    accelerators: tuple[Accelerator, ...]
    models: tuple[ModelEntry, ...]
    described: tuple[ModelEntry, ...]
    built: tuple[ModelEntry, ...]
    rents: tuple[Rent, ...]
    purchases: tuple[Purchase, ...]
    electricity_prices: tuple[Electricity, ...]
    carbon_intensities: tuple[Carbon, ...]

    def accelerator(self, name: str) -> Accelerator:
        """The device called so, by name or alias; its maker's name, case, spaces don't matter.

        Raises:
            InputError: if there is none.
        """
        named = {alias: item for item in self.accelerators for alias in (item.name, *item.aliases)}
        vendor, *rest = re.split(r"[\s_]+", name.strip(), maxsplit=1)
        bare = "".join(rest)
        if vendor.casefold() in {item.vendor.casefold() for item in self.accelerators}:
            name = name if _key(name) in _by_key(tuple(named)) else bare
        return found_in("accelerator", name, named)

    def same_device(self, *named: str | None) -> Callable[[str], bool]:
        """Whether a device is among those named, by any name; without a name every one is."""

        @cache
        def known(name: str) -> str:
            try:
                return self.accelerator(name).name
            except InputError:
                return name.casefold()

        wanted = {known(name) for name in named if name}
        return lambda device: not wanted or known(device) in wanted

    def model(self, name: str) -> ModelEntry:
        """The model called so: a shipped one, or one that the user kept, by name or file.

        Raises:
            InputError: if there is none, or its file is no description.
        """
        return self.find_model(name) or found_in("model", name, self._shipped)

    def find_model(self, name: str) -> ModelEntry | None:
        """The model called so; None where there is none.

        Raises:
            InputError: if its file is no description.
        """
        if self.ships_model(name):
            return found_in("model", name, self._shipped)
        row = kept_row(name)
        return None if row is None else _kept(row, name)

    def ships_model(self, name: str) -> bool:
        """Whether a model of that name comes with the project."""
        return _key(name) in _by_key(tuple(self._shipped))

    @cached_property
    def _shipped(self) -> dict[str, ModelEntry]:
        """Every model that comes with the project, by its name."""
        return {item.name: item for item in (*self.models, *self.described, *self.built)}

    def rent(
        self, accelerator: str, provider: str | None = None, terms: Terms = "on-demand"
    ) -> RentQuote:
        """Rent of a device: the median over providers of each one's newest price.

        Only rows of the given terms count, and none that is more than a year older than the newest
        of them. A provider with several prices on its newest date enters with their median.

        Raises:
            InputError: if the device is unknown or no row fits.
        """
        name = self.accelerator(accelerator).name
        wanted = [row for row in self.rents if row.accelerator == name and row.terms == terms]
        if provider is not None:
            wanted = [row for row in wanted if _key(row.provider) == _key(provider)]
        if not wanted:
            known = sorted({row.accelerator for row in self.rents if row.terms == terms})
            asked = name if provider is None else f"{name} at {provider}"
            raise InputError("rent", f"{asked}, {terms}", f"priced by you, or one of {known}")
        newest = min(row.age_days(date.max) for row in wanted)
        recent = [row for row in wanted if row.age_days(date.max) - newest <= RENT_WINDOW.days]
        return _quote(recent)

    def carbon(self, country: str) -> Carbon:
        """Newest carbon intensity, by ISO 3166 alpha-3 code or country.

        Raises:
            InputError: if there is none.
        """
        by_date = sorted(self.carbon_intensities, key=lambda row: row.as_of)
        named = {row.country: row for row in by_date} | {row.iso3: row for row in by_date}
        return found_in("carbon", country, named)


def load_catalog() -> Catalog:
    """The shipped tables, extended by a user's own accelerators.

    These are a CSV file with the columns of accelerators.csv, named by the environment's
    MODELWORTH_CATALOG. A row with a shipped name takes that row's place.

    Raises:
        InputError: if a row of that file is wrong, with file and line.
    """
    path, shipped = os.environ.get("MODELWORTH_CATALOG"), _shipped()
    if not path:
        return shipped
    own = read_table(Path(path), Accelerator)
    replaced = {_key(item.name) for item in own}
    kept = [item for item in shipped.accelerators if _key(item.name) not in replaced]
    accelerators = (*kept, *own)
    _require_unique(str(path), accelerators)
    return replace(shipped, accelerators=accelerators)


@cache
def _shipped() -> Catalog:
    """The tables that come with the project, read once."""
    accelerators = tuple(read_table(HERE / "accelerators.csv", Accelerator))
    _require_unique("accelerators.csv", accelerators)
    return Catalog(
        accelerators=accelerators,
        models=_models("index.csv", "."),
        described=_models("described.csv", "described"),
        built=_models("built.csv", "built"),
        rents=tuple(read_table(HERE / "rents.csv", Rent)),
        purchases=tuple(read_table(HERE / "purchase_prices.csv", Purchase)),
        electricity_prices=tuple(read_table(HERE / "electricity.csv", Electricity)),
        carbon_intensities=tuple(read_table(HERE / "carbon.csv", Carbon)),
    )


def _kept(row: dict[str, Any], name: str) -> ModelEntry:
    """A kept model's entry.

    Raises:
        InputError: naming the first field that is wrong.
    """
    try:
        return ModelEntry.model_validate(row, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(each) for each in first["loc"])
        raise InputError(f"{name}: {field}", first["msg"], AGAIN) from error


def _models(table: str, folder: str) -> tuple[ModelEntry, ...]:
    """The models of a table, each with its config from a folder."""
    here = HERE / "models"
    return tuple(
        row.model_copy(
            update={"config": json.loads((here / folder / f"{row.name}.json").read_text("utf-8"))}
        )
        for row in read_table(here / table, ModelEntry)
    )


def _quote(rows: list[Rent]) -> RentQuote:
    """Median over providers of each one's newest price."""
    newest: dict[str, list[Rent]] = {}
    for row in sorted(rows, key=lambda row: row.as_of):
        held = newest.get(row.provider, [])
        newest[row.provider] = [*held, row] if held and held[0].as_of == row.as_of else [row]
    prices = [median(row.usd_per_gpu_hour for row in held) for held in newest.values()]
    used = tuple(row for held in newest.values() for row in held)
    return RentQuote(median(prices), min(prices), max(prices), used)


def _key(name: str) -> str:
    """A name without what people spell differently: case, spaces, dashes, underscores."""
    return re.sub(r"[\s_\-]+", "", name).casefold()


@lru_cache(64)
def _by_key(names: tuple[str, ...]) -> dict[str, str]:
    """Names by what is left of them when spelling is taken away."""
    return {_key(name): name for name in names}


@lru_cache(1024)
def _nearest(key: str, names: tuple[str, ...]) -> list[str]:
    """Names like one; a file of thousands of runs asks for the same again and again."""
    known = _by_key(names)
    return [known[match] for match in get_close_matches(key, known, n=5, cutoff=0.5)]


def found_in(what: str, name: str, items: dict[str, T]) -> T:
    """The item of that name, however it is spelled.

    Raises:
        InputError: if there is none; it lists the nearest.
    """
    names = tuple(items)
    if (known := _by_key(names).get(_key(name))) is not None:
        return items[known]
    some = ", ".join(_nearest(_key(name), names) or sorted(items)[:10])
    if len(items) > 10:
        some = f"a known one, such as {some}{LISTED.get(what, '')}"
    raise InputError(what, name, some if len(items) > 10 else f"one of {some}")


def _require_unique(where: str, accelerators: Iterable[Accelerator]) -> None:
    """Refuse two devices that answer to the same name."""
    owner: dict[str, str] = {}
    for item in accelerators:
        for alias in (item.name, *item.aliases):
            other = owner.setdefault(_key(alias), item.name)
            if other != item.name:
                raise InputError(f"{where}: {item.name}", alias, f"a name that {other} lacks")
