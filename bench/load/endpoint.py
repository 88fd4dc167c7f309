"""An endpoint: its address taken apart, the head of requests to it, its list of models."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from modelworth.bench.load.plan import Target
from modelworth.data.errors import InputError, ModelworthError, one_line
from modelworth.data.plain_text import LONGEST_NAME, plain_or_none

Api = Literal["chat", "completions"]
PATHS: dict[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}
LIST_TIMEOUT_S = 30.0
"""For all of an answer, however slowly it comes."""
MOST_BYTES = 16 * 2**20
"""Of an answer; a server's metrics of many models and ranks take some megabytes."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is; never part of a record.

    Attributes:
        base: path in front of `/chat/completions`, such as `/v1`.
        api: the one that the address names; None: it names none.
        key: sent as a bearer token; never printed or stored.
    """

    host: str
    port: int
    tls: bool
    base: str
    api: Api | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.host}:{self.port})"

    @property
    def local(self) -> bool:
        """Whether it is on this machine, as far as the name tells."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    def target(self, api: Api) -> Target:
        """The address and the head of every request.

        Raises:
            ModelworthError: if nobody answers there.
        """
        family, address = self._reached()
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"POST {self.base}{PATHS[api]} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
            "Content-Length: ",
        ]
        head = "\r\n".join(lines).encode()
        return Target(family=family, address=address, host=self.host, tls=self.tls, head=head)

    def _reached(self) -> tuple[int, tuple[object, ...]]:
        try:
            with socket.create_connection((self.host, self.port), LIST_TIMEOUT_S) as peer:
                return int(peer.family), tuple(peer.getpeername())
        except OSError as error:
            raise ModelworthError(
                f"{self.host}:{self.port}: {error.strerror or error}\n"
                "  must be a server that runs; start it, or name another address"
            ) from None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a plain GET, such as of `/metrics`.

        Raises:
            ModelworthError: if nobody answers, not in HTTP, too slowly or too much.
        """
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=LIST_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        late = threading.Event()
        try:
            connection.connect()
            with _at_most(LIST_TIMEOUT_S, connection.sock, late):
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                content = answer.read(MOST_BYTES + 1)
            found = f"an answer of over {MOST_BYTES:,} bytes"
            if len(content) <= MOST_BYTES:
                found = "an answer that breaks off"
                if not answer.length and not late.is_set():
                    return answer.status, content
        except (OSError, http.client.HTTPException) as error:
            found = str(error) or type(error).__name__
        finally:
            connection.close()
        found = f"no end of an answer in {LIST_TIMEOUT_S:g} s" if late.is_set() else one_line(found)
        raise ModelworthError(
            f"{self.host}:{self.port}{path}: {found}\n"
            "  must answer in HTTP; is the server up, and is it http or https?"
        )

    def models(self) -> list[str]:
        """Names of the models it says it serves; empty where it doesn't say."""
        status, body = self.get(f"{self.base}/models")
        if status in (401, 403):
            raise InputError(
                "--api-key-env", f"status {status}: the endpoint wants a key", WHERE_KEY
            )
        try:
            rows = json.loads(body)["data"]
            named = [plain_or_none(row["id"], LONGEST_NAME) for row in rows]
            return [name for name in named if name]
        except (ValueError, KeyError, TypeError, RecursionError):
            return []


@contextmanager
def _at_most(seconds: float, peer: socket.socket, late: threading.Event) -> Iterator[None]:
    """Ends a connection that is still in use then; the event is set where it was."""

    def end() -> None:
        late.set()
        with suppress(OSError):
            peer.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


WHERE_KEY = "the name of an environment variable that holds one"


def parse(url: str, key_env: str | None = None) -> Endpoint:
    """The endpoint at `url`, such as http://127.0.0.1:8000 or https://host/v1/completions.

    Raises:
        InputError: if it is no address of HTTP, holds a password, or the key isn't there.
    """
    allowed = "an address such as http://127.0.0.1:8000 or https://HOST/v1"
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InputError("URL", url, allowed) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable():
        raise InputError("URL", url, allowed)
    if parts.username or parts.password or parts.query:
        raise InputError(
            "URL", "an address with a key in it", f"without; --api-key-env: {WHERE_KEY}"
        )
    base, api = parts.path.rstrip("/"), None
    for name, path in PATHS.items():
        if base.endswith(path):
            base, api = base.removesuffix(path), name
            break
    tls = parts.scheme == "https"
    return Endpoint(
        parts.hostname, port or (443 if tls else 80), tls, base or "/v1", api, _key(key_env)
    )


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "")
    if not key or not key.isascii() or not key.isprintable():
        raise InputError("--api-key-env", f"{name}: not set, or no key", WHERE_KEY)
    return key
