"""Files are written beside their place and moved there when whole; what the killed left goes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

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


def remove(draft: Path) -> None:
    """Remove a draft, if it is still there."""
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # another user's, or no process of ours
    return True
