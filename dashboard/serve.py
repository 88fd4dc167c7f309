"""Starts Streamlit on the app, and reads in what the first page needs while the browser loads.

`python -m modelworth.dashboard.serve APP --server.port N`, as `modelworth dashboard` runs it.
Reading the rooms takes longer than the server takes to answer; a thread does it meanwhile, so that
the first reader doesn't wait for it.
"""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import suppress
from importlib import import_module
from time import sleep

from streamlit import net_util
from streamlit.web import cli

from modelworth.data.errors import ModelworthError

FIRST = (
    "modelworth.dashboard.state", "modelworth.dashboard.parts.frame",
    "modelworth.dashboard.parts.answers", "modelworth.dashboard.parts.worked",
    "modelworth.dashboard.parts.provenance", "modelworth.dashboard.parts.record_frames",
    "modelworth.dashboard.parts.upload",
)  # fmt: skip


REST_S = 30.0
"""How often freed memory is given back to the system; a simulation keeps it for the next."""


def main(arguments: list[str]) -> None:
    """Serve until interrupted; leaves with the server's exit status."""
    gc.disable()  # until everything is read in: the collector would look at it all several times
    ask_nobody()
    threading.Thread(target=read_in, daemon=True).start()
    threading.Thread(target=give_back, daemon=True).start()
    cli.main(["run", *arguments], prog_name="streamlit")


def ask_nobody() -> None:
    """Keep Streamlit from asking another host for this machine's address, at start or later."""
    net_util.get_external_ip = lambda: None


def read_in() -> None:
    """Import the rooms behind the first pages, read questions and words, and count the store.

    What is here by then stays, so the collector of garbage needn't look at it again.
    """
    for name in FIRST:
        import_module(name)
    import_module("modelworth.dashboard.guides").load_guides()
    import_module("modelworth.dashboard.parts.worked").questions()
    words = import_module("modelworth.report.words")
    for language in words.LANGUAGES:
        words.catalogue(language)
    gc.freeze()
    gc.enable()
    with suppress(ModelworthError):  # a page says it where it is met
        import_module("modelworth.dashboard.sources").tally()


def give_back() -> None:
    """Keep the process from holding what its busiest minute took.

    Streamlit would collect garbage after every redraw, and what a reader waits for with it.
    """
    freed_memory = import_module("modelworth.costmodel.risk.freed_memory")
    while True:
        sleep(REST_S)
        gc.collect()
        freed_memory.give_back()


if __name__ == "__main__":
    main(sys.argv[1:])
