"""Files are written beside their place and moved there when whole; what the killed left goes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelworth.data.errors import InputError

_DRAFT = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.part")


def draft_beside(path: Path) -> Path:
    """Where this process writes a file or folder until it is whole.

    Drafts of the same name whose process has died are removed first.
    """
    for other in path.parent.glob(".*.part"):
        found = _DRAFT.fullmatch(other.name)
        if found and found["name"] == path.name and not _lives(int(found["process"])):
            remove(other)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that has its name when it is whole: what fails leaves no half of it.

    Raises:
        InputError: if it can't be written.
    """
    written = path
    if path.is_file() or not path.exists():  # and no pipe, such as /dev/stdout
        path = Path(os.path.realpath(path))
        written = draft_beside(path)
    try:
        yield written
        if written != path:
            written.replace(path)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(str(path), found, "a file that can be written") from error
    finally:
        if written != path:
            remove(written)


def write_whole(path: Path, text: str) -> None:
    """Write a text's file, or nothing; errors as `whole` has them."""
    with whole(path) as draft:
        draft.write_text(text, "utf-8")


def remove(draft: Path) -> None:
    """Remove a draft, if it is still there."""
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        with suppress(OSError):
            draft.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # another user's, or no process of ours
    return True
