"""The app as it is served: pages with charts tell the browser at once to fetch what draws them.

Streamlit's page fetches Plotly, five megabytes, when the first chart has come; by then the browser
has waited for the server for a second.
"""

from __future__ import annotations

from pathlib import Path

import streamlit
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.starlette import App

CHARTED = ("verdict", "money", "risk", "options", "trends")
"""Pages that open with a chart."""
SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"


class Ahead:
    """Names the script that draws charts in the header of each page that opens with one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        names = [path.name for path in SCRIPTS.glob("PlotlyChart.*.js")]
        self._links = [(b"link", f"<static/js/{it}>; rel=modulepreload".encode()) for it in names]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the header where it is of use."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._links]
            await send(message)

        charted = scope["type"] == "http" and scope["path"].rsplit("/", 1)[-1] in CHARTED
        await self._app(scope, receive, sent if charted else send)


app = App(Path(__file__).with_name("app.py"), middleware=[Middleware(Ahead)])
