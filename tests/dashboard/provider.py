"""A small OpenID Connect provider on this machine: whoever asks is Ann."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlparse

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "modelworth"


class _Provider(BaseHTTPRequestHandler):
    key = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig", "alg": "RS256"})
    nonces: dict[str, str]

    @property
    def _own(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def do_GET(self) -> None:
        asked = urlparse(self.path)
        if asked.path == "/.well-known/openid-configuration":
            self._say({
                "issuer": self._own, "authorization_endpoint": f"{self._own}/authorize",
                "token_endpoint": f"{self._own}/token", "jwks_uri": f"{self._own}/keys",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            })  # fmt: skip
        elif asked.path == "/keys":
            self._say({"keys": [self.key.as_dict(private=False)]})
        elif asked.path == "/authorize":
            query = {key: values[0] for key, values in parse_qs(asked.query).items()}
            code = f"code-{len(self.nonces)}"
            self.nonces[code] = query.get("nonce", "")
            back = urlencode({"code": code, "state": query["state"]})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(size).decode())
        now = int(time.time())  # noqa: TID251 - a date, as the token needs it
        claims = {
            "iss": self._own, "sub": "ann", "aud": CLIENT, "iat": now, "exp": now + 600,
            "name": "Ann", "email": "ann@example.org", "nonce": self.nonces[form["code"][0]],
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "tests"}, claims, self.key)
        self._say({"access_token": "a", "token_type": "Bearer", "expires_in": 600,
                   "id_token": token})  # fmt: skip

    def _say(self, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' terminal."""


@contextmanager
def provider() -> Iterator[str]:
    """The address of a provider that runs meanwhile."""
    _Provider.nonces = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
