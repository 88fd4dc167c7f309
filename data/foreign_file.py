"""Opens a file that somebody else wrote: whole, of a size that is known, or one clear line.

A folder, a pipe that nobody writes to, a device that never ends, a file without permission and one
that is too large are refused before a byte is read.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from modelworth.data.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES: Final = 64 * 2**20
MOST_COLUMNS: Final = 1000
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def require_file(path: Path, allowed: str, most_bytes: int | None = None) -> None:
    """Refuse what isn't a file of at most so many bytes.

    Raises:
        InputError: saying what it is instead.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error, allowed) from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(str(path), "a folder", allowed)
    if not stat.S_ISREG(found.st_mode):
        raise InputError(str(path), "a pipe or a device", allowed)
    if most_bytes is not None and found.st_size > most_bytes:
        raise _too_large(path, f"{found.st_size:,}", allowed, most_bytes)


def _too_large(path: Path, found: str, allowed: str, most_bytes: int) -> InputError:
    return InputError(str(path), f"{found} bytes", f"{allowed} of at most {most_bytes:,} bytes")


def is_folder(path: Path) -> bool:
    """Whether it is one; False also for a name that none can have."""
    with suppress(OSError, ValueError):
        return path.is_dir()
    return False


def unreadable(path: Path, error: Exception, allowed: str) -> InputError:
    """What the system said of a file, in one line."""
    return InputError(str(path), getattr(error, "strerror", None) or str(error), allowed)


def opened(path: Path, allowed: str) -> BinaryIO:
    """A file to be read piece by piece.

    Raises:
        InputError: if it can't be opened.
    """
    require_file(path, allowed)
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise unreadable(path, error, allowed) from error


def start_of(path: Path, allowed: str, bytes_: int) -> bytes:
    """The first bytes of a file, however long it is.

    Raises:
        InputError: if it can't be read.
    """
    try:
        with opened(path, allowed) as file:
            return file.read(bytes_) or b""  # None: a file that would make us wait
    except OSError as error:
        raise unreadable(path, error, allowed) from error


def read_bytes(path: Path, allowed: str, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a file, which may grow while it is read, or say nothing of its size.

    Raises:
        InputError: if it can't be read, or is larger.
    """
    require_file(path, allowed, most_bytes)
    content = start_of(path, allowed, most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_large(path, f"over {most_bytes:,}", allowed, most_bytes)
    return content


def read_text(path: Path, allowed: str, most_bytes: int = MOST_BYTES) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark; no mark is part of it.

    Raises:
        InputError: if it can't be read, is larger, or isn't such text.
    """
    content = read_bytes(path, allowed, most_bytes)
    try:
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} isn't UTF-8"
        raise InputError(str(path), found, f"{allowed}, in UTF-8") from error


def read_frame(path: Path, allowed: str) -> pd.DataFrame:
    """A CSV file's table, never unpacked from anything.

    Raises:
        InputError: if it isn't one, or has more bytes or columns than a table has.
    """
    import pandas as pd

    content = read_bytes(path, allowed)
    columns = content.lstrip().partition(b"\n")[0].count(b",") + 1
    if columns > MOST_COLUMNS:
        raise InputError(str(path), f"{columns:,} columns", f"at most {MOST_COLUMNS:,}")
    try:
        return pd.read_csv(io.BytesIO(content), low_memory=False)
    except (ValueError, OverflowError) as error:
        raise unreadable(path, error, allowed) from error
