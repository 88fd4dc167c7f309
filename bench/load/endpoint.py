"""An endpoint: its address taken apart, the head of requests to it, its list of models."""

from __future__ import annotations

import http.client
import json
import os
import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from modelworth.bench.load.plan import Target
from modelworth.data.errors import InputError, ModelworthError

Api = Literal["chat", "completions"]
PATHS: dict[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}
LIST_TIMEOUT_S = 30.0


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
            ModelworthError: if nobody answers, or not in HTTP.
        """
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=LIST_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(64 * 2**20)
        except (OSError, http.client.HTTPException) as error:
            raise ModelworthError(
                f"{self.host}:{self.port}{path}: {error or type(error).__name__}\n"
                "  must answer in HTTP; is the server up, and is it http or https?"
            ) from None
        finally:
            connection.close()

    def models(self) -> list[str]:
        """Names of the models it says it serves; empty where it doesn't say."""
        status, body = self.get(f"{self.base}/models")
        if status in (401, 403):
            raise InputError(
                "--api-key-env", f"status {status}: the endpoint wants a key", WHERE_KEY
            )
        try:
            rows = json.loads(body)["data"]
            return [str(row["id"]) for row in rows]
        except (ValueError, KeyError, TypeError):
            return []


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
