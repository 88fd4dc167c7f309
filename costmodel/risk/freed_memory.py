"""Keeps memory that arrays gave back, instead of asking the system for it again chunk after chunk.

A simulation frees and takes the same few megabytes thousands of times. The C library returns freed
memory to the system at once, and fetching it again took half of a simulation's time (page faults).
Only GNU's C library has this setting; elsewhere nothing is changed.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

TRIM_THRESHOLD: Final = -1  # names of the settings in malloc.h
MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 512 * 2**20
ON_THE_HEAP_BYTES: Final = 32 * 2**20


@cache
def keep_freed_memory() -> bool:
    """Set it for this process, once; says whether it could be set."""
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    kept = set_option(TRIM_THRESHOLD, KEPT_BYTES)
    return bool(kept and set_option(MMAP_THRESHOLD, ON_THE_HEAP_BYTES))


def give_back() -> bool:
    """Return to the system what is kept and free; says whether there was any."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError, TypeError):
        return False
