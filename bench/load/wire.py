"""HTTP/1.1 answers and server-sent events, byte by byte, without a socket.

`Answer.feed` takes what was received and returns the payloads of the events that are whole. It
reads chunked bodies, bodies of a stated length and bodies that end with the connection, and bounds
what it keeps. Sources: RFC 9112 (HTTP/1.1); WHATWG HTML, 9.2 (server-sent events).
"""

from __future__ import annotations

import re

MAX_HEAD_BYTES, MAX_INTERIM = 65_536, 20
MAX_EVENT_BYTES = 4 * 2**20
MAX_BODY_BYTES = 65_536
"""Of a body that isn't a stream, such as an error's; what is longer is cut."""


_DIGITS = re.compile(rb"\d{1,15}")


class WireError(Exception):
    """What came is no HTTP answer, or one beyond all bounds."""


class Answer:
    """One answer as far as it has come.

    Attributes:
        status: of the answer; 0 until its head is whole.
        body: of an answer that is no event stream.
        done: the answer is whole.
        reusable: the connection may carry another request afterwards.
    """

    __slots__ = (
        "_buffer", "_chunked", "_events", "_remaining", "_streaming", "_until_close",
        "body", "done", "reusable", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.status, self.done, self.reusable, self.body = 0, False, True, b""
        self._buffer = self._events = b""
        self._remaining, self._chunked = 0, False
        self._streaming = self._until_close = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received; returns the payloads of the events that it completed.

        Raises:
            WireError: if it isn't HTTP.
        """
        self._buffer += data
        if not self.status and not self._read_head():
            return []
        return self._take(self._unchunked() if self._chunked else self._plain())

    def close(self) -> bool:
        """The connection ended; returns whether the answer is whole."""
        if self.status and self._until_close:
            self.done = True
        self.reusable = False
        return self.done

    def _read_head(self) -> bool:
        """Take the answer's head, after interim ones; whether it was there."""
        for _ in range(MAX_INTERIM):
            if (found := self._next_head()) is not None:
                return found
        raise WireError(f"over {MAX_INTERIM} interim answers")

    def _next_head(self) -> bool | None:
        """Whether the next head was there; None for an interim one."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES or not b"HTTP/1.".startswith(self._buffer[:7]):
                raise WireError(f"not an HTTP/1.1 answer: {self._buffer[:40]!r}")
            return False
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        first, *lines = head.split(b"\r\n")
        parts = first.split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not _DIGITS.fullmatch(parts[1]):
            raise WireError(f"not an HTTP/1.1 answer: {first[:40]!r}")
        status = int(parts[1])
        if 100 <= status < 200:  # an interim answer; the real one follows
            return None
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()
        self._understand(parts[0], headers)
        self.status = status
        return True

    def _understand(self, version: bytes, headers: dict[bytes, bytes]) -> None:
        connection = headers.get(b"connection", b"")
        self.reusable = b"close" not in connection and version != b"HTTP/1.0"
        self._streaming = b"text/event-stream" in headers.get(b"content-type", b"")
        self._chunked = b"chunked" in headers.get(b"transfer-encoding", b"")
        length = headers.get(b"content-length")
        self._until_close = not self._chunked and length is None
        if self._chunked or length is None:
            return
        if not _DIGITS.fullmatch(length):
            raise WireError(f"a content length of {length[:40]!r}")
        self._remaining = int(length)
        self.done = self._remaining == 0

    def _plain(self) -> bytes:
        if self._until_close:
            piece, self._buffer = self._buffer, b""
            return piece
        piece, self._buffer = self._buffer[: self._remaining], self._buffer[self._remaining :]
        self._remaining -= len(piece)
        self.done = self._remaining == 0
        return piece

    def _unchunked(self) -> bytes:
        """The body in the chunks that are whole; the rest stays in the buffer."""
        buffer, position, pieces = self._buffer, 0, []
        while not self.done:
            end = buffer.find(b"\r\n", position)
            if end < 0:
                if len(buffer) - position > MAX_HEAD_BYTES:
                    raise WireError("a chunk without a size")
                break
            try:
                size = int(buffer[position:end].partition(b";")[0], 16)
            except ValueError:
                raise WireError(f"a chunk of size {buffer[position:end][:40]!r}") from None
            if not 0 <= size <= MAX_EVENT_BYTES:
                raise WireError(f"a chunk of {size} bytes")
            after = end + 2 + size + 2
            if len(buffer) < after:
                break
            pieces.append(buffer[end + 2 : after - 2])
            position, self.done = after, size == 0
        self._buffer = buffer[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take(self, piece: bytes) -> list[bytes]:
        if not self._streaming:
            self.body = (self.body + piece)[:MAX_BODY_BYTES]
            return []
        text = self._events + piece if self._events else piece
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        *whole, self._events = text.split(b"\n\n")
        if len(self._events) > MAX_EVENT_BYTES:
            raise WireError(f"an event of more than {MAX_EVENT_BYTES} bytes")
        return [payload for event in whole if (payload := _payload(event))]


def _payload(event: bytes) -> bytes:
    """The data of one event; empty for comments and events without data."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    lines = [line[5:].lstrip(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)
