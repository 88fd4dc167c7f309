"""Twenty readers at once, each with a plan of its own: nobody meets an error or another's plan.

The readers speak Streamlit's own protocol over a websocket, as a browser does, without drawing.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import links
from modelworth.data.store import open_store
from tests.data.records import made_up
from tests.soak.stand_ins import answers, free_port

ROOT = Path(__file__).parents[2]
READERS = 20
START_S, ANSWER_S = 180.0, 600.0
"""Far longer than a page takes: a machine that is busy beside it is no fault."""
MEMORY_BYTES = 2**30
NAME = re.compile(r"Plan (\d+) of the soak")


@contextmanager
def dashboard(
    *options: str, folder: Path = ROOT, store: str | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    """A dashboard on a port and a store of its own: its port and process."""
    with tempfile.TemporaryDirectory() as name:
        store, port = store or str(Path(name) / "store.db"), free_port()
        with open_store(store) as kept:
            kept.add_all(made_up(number) for number in range(50))
        command = [sys.executable, "-m", "modelworth", "dashboard", "--port", str(port)]
        quiet = subprocess.DEVNULL
        with subprocess.Popen([*command, "--store", store, *options], cwd=folder, stdout=quiet,
                              stderr=quiet) as server:  # fmt: skip
            try:
                end = time.perf_counter() + START_S
                while not answers(port) and time.perf_counter() < end:
                    time.sleep(0.1)
                yield port, psutil.Process(server.pid)
            finally:
                server.terminate()


@contextmanager
def reader(
    port: int,
    *,
    origin: str | None = None,
    host: str | None = None,
    cookies: dict[str, str] | None = None,
) -> Iterator[ClientConnection]:
    """A connection as a browser makes it; `origin` is the page that it says it comes from."""
    own = f"127.0.0.1:{port}"
    cookies = cookies or {}
    headers = {"Cookie": "; ".join(f"{key}={value}" for key, value in cookies.items())}
    token = [cookies["_streamlit_xsrf"]] if "_streamlit_xsrf" in cookies else []
    with connect(f"ws://{host or own}/_stcore/stream", origin=origin or f"http://{own}",
                 subprotocols=["streamlit", *token], max_size=None, additional_headers=headers,
                 open_timeout=ANSWER_S, ping_interval=None,
                 sock=socket.create_connection(("127.0.0.1", port))) as it:  # fmt: skip
        yield it


def page(
    connection: ClientConnection, query: str, page_name: str = "", pressed: str = ""
) -> list[ForwardMsg]:
    """Ask for a page, a button of it pressed; all that came until the script was finished."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    asked.rerun_script.page_name = page_name
    if pressed:
        asked.rerun_script.widget_states.widgets.add(id=pressed, trigger_value=True)
    connection.send(asked.SerializeToString())
    came = []
    end = time.perf_counter() + ANSWER_S
    while time.perf_counter() < end:
        message = ForwardMsg()
        message.ParseFromString(connection.recv(timeout=ANSWER_S))
        came.append(message)
        if message.WhichOneof("type") == "script_finished":
            return came
    raise TimeoutError(f"no page within {ANSWER_S:g} s")


def plan(number: int) -> str:
    """A shipped question under a name of its own, packed as a link holds it."""
    text = scenarios.to_yaml(scenarios.load("base"))
    own = re.sub(r"(?m)^(\s+name:).*$", rf"\1 Plan {number} of the soak", text)
    return links.pack(own)


def run(budget_s: float) -> dict[str, object]:
    """Rounds of twenty readers until the time is used up."""
    faults, pages = list[str](), 0
    start = time.perf_counter()
    with dashboard() as (port, server):
        while pages == 0 or time.perf_counter() - start < budget_s:
            with ThreadPoolExecutor(READERS) as pool:
                for found in pool.map(lambda number: _read(port, number), range(READERS)):
                    faults += found
            pages += READERS
        memory = server.memory_info().rss
        if memory > MEMORY_BYTES:
            faults.append(f"the server holds {memory / 2**30:.1f} GiB")
    return {"inputs": pages, "losses": len(faults), "faults": faults[:20]}


def _read(port: int, number: int) -> list[str]:
    """What was wrong with one reader's page."""
    try:
        with reader(port) as connection:
            came = page(connection, f"lang=en&scenario={plan(number)}", "verdict")
    except Exception as error:  # noqa: BLE001 - whatever comes is the fault looked for
        return [f"reader {number}: {type(error).__name__}: {error}"[:200]]
    text = " ".join(str(message) for message in came)
    seen = {int(found) for found in NAME.findall(text)}
    errors = [message for message in came if "exception {" in str(message)]
    faults = [f"reader {number}: {str(errors[0])[:200]}"] if errors else []
    return faults if seen == {number} else [*faults, f"reader {number} saw the plans {seen}"]
