"""`modelworth dashboard`: the pages, served to browsers on this machine."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

from modelworth.data.errors import InputError

#: glibc keeps freed memory once for each thread unless told to share; readers are threads
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--port", type=int, default=8501, help="port on 127.0.0.1 (8501)")
    parser.add_argument(
        "--store", metavar="URL", help="measurements (modelworth.db in this folder)"
    )
    parser.add_argument("--scenario", metavar="FILE", help="scenario that the pages open with")
    parser.add_argument("--language", choices=("en", "zh_CN"), help="language (the browser's)")
    parser.add_argument(
        "--read-only", action="store_true", help="nobody adds measurements or saves plans"
    )
    parser.epilog = (
        "examples:\n  modelworth dashboard\n"
        "  modelworth dashboard --scenario my.yaml --language zh_CN --port 8600"
    )


def run(options: argparse.Namespace) -> NoReturn:
    """Serve until interrupted; the status is the server's."""
    if importlib.util.find_spec("streamlit") is None:
        raise ModuleNotFoundError("No module named 'streamlit'", name="streamlit")
    if not 1 <= options.port <= 65535:
        raise InputError("--port", options.port, "a port from 1 to 65535")
    _require_readable(options.scenario, options.store)
    app = Path(importlib.util.find_spec("modelworth.dashboard").origin).parent / "ahead.py"
    settings = {
        "MODELWORTH_STORE": options.store,
        "MODELWORTH_SCENARIO": options.scenario and str(Path(options.scenario).resolve()),
        "MODELWORTH_LANGUAGE": options.language,
        "MODELWORTH_READ_ONLY": "1" if options.read_only else None,
    }
    environment = FEW_ARENAS | os.environ | {key: value for key, value in settings.items() if value}
    command = [sys.executable, "-m", "modelworth.dashboard.serve", str(app), "--server.port"]
    print(f"modelworth dashboard: http://127.0.0.1:{options.port} (Ctrl-C ends it)", flush=True)
    # This process becomes the server: whatever ends it ends the server, too.
    os.execve(sys.executable, [*command, str(options.port)], environment)


def _require_readable(scenario: str | None, store: str | None) -> None:
    """Say what is wrong with a plan or a store that was named before there is a page to say it on.

    Raises:
        InputError: if the scenario can't be read, or the store is none.
    """
    if scenario:
        from modelworth.costmodel.scenario import scenario as scenarios

        if not Path(scenario).exists():
            raise InputError("--scenario", scenario, "a file that exists")
        scenarios.load(scenario)
    if store and Path(store.removeprefix("sqlite:///")).exists():
        from modelworth.data.store import open_store

        open_store(store, create=False).close()
