"""The same trials on a Dask cluster: its client stands in for the local threads.

Workers need the same version of this project: a chunk travels as the drivers' values and a stretch
of trials, and each worker compiles the formulas for itself, once. A chunk whose worker died is run
again on another by the scheduler, and comes out the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlparse

from modelworth.data.errors import InputError, ModelworthError

CONNECT_S = 10


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """An executor that runs on the cluster whose scheduler listens at `address`.

    Raises:
        InputError: if `address` isn't that of a scheduler.
        ModelworthError: if nobody answers there, it has no workers, or theirs is another version.
    """
    parts = urlparse(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise InputError("cluster", address, "a scheduler's address, such as tcp://10.0.0.5:8786")
    distributed: Any = import_module("distributed")

    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise ModelworthError(
            f"no scheduler answers at {address} within {CONNECT_S} s\n  start one: dask scheduler"
        ) from error
    with client:
        _require_workers(address, client.run(_release))
        with client.get_executor(pure=False) as executor:
            yield executor


def _require_workers(address: str, releases: dict[str, str | None]) -> None:
    """Refuse an empty cluster, and workers that would compute something else."""
    if not releases:
        raise ModelworthError(
            f"the cluster at {address} has no workers\n  start one: dask worker {address}"
        )
    here = _release()
    others = sorted(f"{worker} has {found}" for worker, found in releases.items() if found != here)
    if others:
        raise ModelworthError(
            f"a worker has another version of modelworth than {here}: {others[0]}\n"
            "  install the same version on all of them"
        )


def _release() -> str | None:
    """The project's version on this machine; None if it isn't installed."""
    try:
        return version("modelworth")
    except PackageNotFoundError:
        return None
