"""NVIDIA's management library, opened for as long as it is needed, or None where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def nvml() -> Iterator[Any | None]:
    """The `pynvml` module, initialised; None without the package, a driver or a GPU."""
    library = _opened()
    try:
        yield library
    finally:
        if library is not None:
            library.nvmlShutdown()


def asked(library: Any, question: str, *given: Any) -> Any | None:
    """NVML's answer; None where this library or device doesn't know."""
    try:
        return getattr(library, f"nvml{question}")(*given)
    except (library.NVMLError, AttributeError):
        return None


def text(value: str | bytes) -> str:
    """NVML's strings came as bytes in older releases."""
    return value.decode() if isinstance(value, bytes) else value


def _opened() -> Any | None:
    try:
        import pynvml
    except (ImportError, OSError):
        return None
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError):
        return None
    return pynvml
