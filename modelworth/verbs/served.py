"""What is served and on what: the arguments that `load` and `meter` share, as parts of a record."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    from modelworth.data.measurement import Machine, Model


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
