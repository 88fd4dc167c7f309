"""One connection to the server: connects, sends a request, reads its streamed answer."""

from __future__ import annotations

import errno
import select
import socket
import ssl

from modelworth.bench.load.plan import Outcome, Target
from modelworth.bench.load.reply import Reply
from modelworth.bench.load.wire import Answer, WireError
from modelworth.data.errors import one_line

READ_BYTES, MOST_PIECES = 262_144, 16
"""Read at once, so often before others have their turn: what comes without end, too."""
WANTS_MORE = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError, InterruptedError)
ODD_FORM = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What taking apart an answer of another form than expected raises."""


class Connection:
    """A connection that carries one request at a time.

    Attributes:
        waits_for: the epoll event that lets it go on.
        stale: a kept connection was closed by the server before the request could count.
        failure: a word of `data.serving.Failure`, with its `detail`.
        complete: the answer is whole.
        counted: the request began before the end of the counted part.
    """

    __slots__ = (
        "_answer", "_fresh", "_left", "_ready", "_reply", "_secured", "_socket", "complete",
        "counted", "detail", "due_s", "failure", "fd", "request", "stale", "waits_for",
    )  # fmt: skip

    def __init__(self, target: Target, context: ssl.SSLContext | None) -> None:
        plain = socket.socket(target.family, socket.SOCK_STREAM)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = plain.connect_ex(target.address)
        self._socket: socket.socket = plain
        if context is not None:
            self._socket = context.wrap_socket(
                plain, server_hostname=target.host, do_handshake_on_connect=False
            )
        self.fd = self._socket.fileno()
        self._ready, self._secured, self._fresh = code == 0, context is None, True
        self.failure: str | None = None
        self.detail = ""
        self.waits_for = select.EPOLLOUT
        if code not in (0, errno.EINPROGRESS):
            self.failure, self.detail = "refused", errno.errorcode.get(code, str(code))

    def begin(self, request: bytes, due_s: float, counted: bool) -> None:
        """Take up a request; `advance` sends it."""
        self.request, self.due_s, self.counted = request, due_s, counted
        self._left = memoryview(request)
        self._answer, self._reply = Answer(), Reply()
        self.complete = self.stale = False

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent over it."""
        return self.complete and self._answer.reusable

    def lacks(self, quantity: str) -> bool:
        """Whether this latency has no value yet."""
        return quantity == "e2e" or (quantity == "ttft" and self._reply.first_s is None)

    def advance(self, arrived_s: float) -> None:
        """Do all that can be done without waiting; `arrived_s` dates what is read."""
        if self.failure:
            return
        try:
            if not (self._connected() and self._sent()):
                return
            self._read(arrived_s)
        except WANTS_MORE:
            return
        except ssl.SSLError as error:
            self._fail("refused" if self._fresh else "broken_off", str(error))
        except OSError as error:
            kind = "broken_off" if self._ready else "refused"
            self._broken(kind, errno.errorcode.get(error.errno or 0, str(error)))

    def _connected(self) -> bool:
        if not self._ready:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, "")
            try:
                self._socket.getpeername()
            except OSError:  # still on its way
                return False
            self._ready = True
        if not self._secured:
            try:
                self._socket.do_handshake()  # type: ignore[attr-defined]
            except ssl.SSLWantReadError:
                self.waits_for = select.EPOLLIN
                raise
            except ssl.SSLWantWriteError:
                self.waits_for = select.EPOLLOUT
                raise
            self._secured = True
        return True

    def _sent(self) -> bool:
        """Whether the request has gone out whole."""
        if not self._left:
            return True
        while self._left:
            try:
                count = self._socket.send(self._left)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.waits_for = select.EPOLLOUT
                return False
            self._left = self._left[count:]
        self.waits_for = select.EPOLLIN
        return False  # the answer can't be there yet

    def _read(self, arrived_s: float) -> None:
        for _ in range(MOST_PIECES):
            data = self._socket.recv(READ_BYTES)
            if not data:
                self._at_end()
                return
            try:
                for payload in self._answer.feed(data):
                    self._reply.take(payload, arrived_s)
            except WireError as error:
                self._fail("malformed", str(error))
            except ODD_FORM as error:
                self._fail("malformed", f"an event in another form: {error}")
            if self._answer.done or self._reply.error:
                self._settle()
            if self.complete or self.failure or (self._plain and len(data) < READ_BYTES):
                return

    @property
    def _plain(self) -> bool:
        return not isinstance(self._socket, ssl.SSLSocket)

    def _at_end(self) -> None:
        if self._answer.close():
            self._settle()
        else:
            self._broken("broken_off", "the connection ended before the answer did")

    def _broken(self, kind: str, detail: str) -> None:
        if not self._fresh and not self._answer.status:
            self.stale = True
        else:
            self._fail(kind, detail)

    def _fail(self, kind: str, detail: str) -> None:
        self.failure, self.detail = kind, one_line(detail)

    def _settle(self) -> None:
        """The answer is whole: say whether it is one."""
        status, reply = self._answer.status, self._reply
        if status != 200:
            said = self._answer.body[:150].decode("utf-8", "replace")
            self._fail(failure_of(status), f"status {status}: {said}")
        elif reply.error:
            self._fail("stream_error", reply.error)
        elif self._answer.body:
            self._fail("malformed", "no event stream, though one was asked for")
        elif not reply.chunks:
            self._fail("empty", "an answer without text")
        elif not reply.ended and reply.output_tokens is None:
            self._fail("broken_off", "the stream ended without a last event")
        else:
            self.complete, self._fresh = True, False
            return
        # An error's answer was read whole: the connection may stay.
        if self._answer.done and not reply.error:
            self.complete, self._fresh = True, False

    def outcome(self, now_s: float) -> Outcome:
        """What came of the request; the connection is then free."""
        reply = self._reply
        done = Outcome(
            due_s=self.due_s,
            end_s=now_s,
            failure=self.failure,
            detail=self.detail,
            first_s=reply.first_s,
            last_s=reply.last_s,
            chunks=reply.chunks,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cached_tokens=reply.cached_tokens,
            reasoning_tokens=reply.reasoning_tokens,
            after_first=reply.tokens_after_first(),
            gaps_s=reply.gaps_s,
        )
        if self.complete:
            self.failure, self.detail = None, ""
        return done

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def failure_of(status: int) -> str:
    """The word for an answer with this status."""
    if status == 429:
        return "rate_limited"
    return "server_error" if status >= 500 else "client_error"
