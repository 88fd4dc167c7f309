"""What is served and on what: the arguments that `load` and `meter` share, as parts of a record."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelworth.bench.load.record import Served
    from modelworth.data.measurement import Machine, Model
    from modelworth.data.serving import Drafting


def add_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What the record says of the server; returns the group, for more of it."""
    parser.set_defaults(parser=parser)  # from which the command is rebuilt
    whose = parser.add_argument_group("what the record says")
    whose.add_argument("--label", help="a name for the endpoint (default: the model's)")
    whose.add_argument("--device", help="what it runs on (default, on 127.0.0.1: this machine)")
    whose.add_argument("--count", type=int, default=1, help="how many of them (default 1)")
    whose.add_argument("--config", help="the model: a name of the catalogue or a config.json")
    whose.add_argument("--precision", default="bfloat16", help="of the weights")
    whose.add_argument("--store", metavar="URL", help="where measurements are kept")
    return whose


def require_bounds(options: argparse.Namespace, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a number below or above what its flag may be."""
    for name, (low, high) in bounds.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"--{name.replace('_', '-')}", value, f"{low:g} to {high:g}")


def served_of(
    options: argparse.Namespace,
    verb: str,
    name: str,
    machine: Machine,
    engine: str = "unknown",
    way: tuple[str | None, Drafting | None] = (None, None),
) -> Served:
    """What is served under a name; `way`: its cache's format and drafting."""
    from modelworth.bench.load.record import Served
    from modelworth.command_text import command_text
    from modelworth.data.measurement import Layout
    from modelworth.data.words import precision

    return Served(
        model=model_of(options.config, name),
        machine=machine,
        precision=precision(options.precision),
        engine=engine,
        layout=Layout(tensor=options.count),
        cache_format=way[0],
        drafting=way[1],
        command=command_text(verb, options.parser, options),
    )


def machine_of(options: argparse.Namespace, local: bool) -> Machine:
    """The device that was named, else, for an address on this machine, what it has.

    Raises:
        InputError: if neither tells.
    """
    from modelworth.data.catalog import load_catalog
    from modelworth.data.measurement import Machine

    if options.device:
        device = load_catalog().accelerator(options.device).name
        return Machine(device=device, kind="other", count=options.count)
    if not local:
        raise InputError("--device", "nothing", "what the server runs on, as 'H100 SXM 80GB'")
    from modelworth.bench.timing.machine import default_device, detect

    return detect(default_device(), options.count)


def model_of(config: str | None, served_as: str) -> Model:
    """The model that a config tells, else one known by the name that the server gives it."""
    from modelworth.data.catalog import load_catalog
    from modelworth.data.measurement import Model
    from modelworth.data.model_files import read_model_file

    name = Path(served_as).name if served_as.startswith(("/", ".", "~")) else served_as
    if config is None:
        return Model(name=name, family="decoder", weights="pretrained")
    if Path(config).exists():
        found = read_model_file(config)
        return Model(name=name, family="decoder", weights="pretrained", config=found)
    entry = load_catalog().model(config)
    return Model(
        name=entry.name,
        family=entry.family,
        parameters_total=entry.parameters_total,
        parameters_active=entry.parameters_active,
        weights="pretrained",
        config=entry.config,
    )
