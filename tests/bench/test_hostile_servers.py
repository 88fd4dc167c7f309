"""Servers that lie, never end or say what can't be: two lines and a status, whatever comes."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from modelworth.bench.load import endpoint as endpoints
from modelworth.bench.load import reply
from modelworth.bench.load.client import drive
from modelworth.bench.load.plan import Limits, Plan
from modelworth.cli import main

METRICS = (
    b'vllm:prompt_tokens_total{model_name="m"} 1e6\n'
    b'vllm:generation_tokens_total{model_name="m"} 2.5e5\n'
    b'vllm:num_requests_running{model_name="m"} 8\n'
)
OK, PLAIN = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CHUNKED = PLAIN + b"Transfer-Encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def _whole(content: bytes) -> bytes:
    return PLAIN + b"Content-Length: %d\r\n\r\n%s" % (len(content), content)


@contextmanager
def serving(start: bytes, more: bytes = b"", models: bytes = b'{"data": []}') -> Iterator[str]:
    """The address of a server that answers so, then goes on with `more` until nobody listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(peer: socket.socket) -> None:
        with suppress(OSError), peer:
            asked = peer.recv(65_536)
            if b"/models " in asked.split(b"\r\n")[0]:
                peer.sendall(_whole(models))
                return
            peer.sendall(start)
            while more:
                peer.sendall(more)
                time.sleep(0 if len(more) > 100 else 0.01)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


WRONG = {
    "a body without end": (PLAIN + b"\r\n" + METRICS, b"ab\n" * 20_000),
    "chunks without end": (CHUNKED, b"8\r\nab\nab\nab\r\n" * 5000),
    "a chunk larger than all": (CHUNKED + b"ffffffffffffffff\r\n", b"ab\n" * 20_000),
    "a chunk's size without end": (CHUNKED + b"5;", b"x" * 9999),
    "a header without end": (OK + b"X: ", b"x" * 9999),
    "headers without end": (OK, b"X: y\r\n" * 999),
    "headers one by one": (OK, b"X: y\r\n"),
    "interim answers one by one": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim answers without end": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "a body byte by byte": (PLAIN + b"Content-Length: 99999\r\n\r\n" + METRICS, b"#"),
    "more promised than sent": (PLAIN + b"Content-Length: 99999\r\n\r\n" + METRICS, b""),
    "another address": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", b""),
    "no text": (_whole(b"\xff\xfe\x80" * 999), b""),
    "what unpacks to much": (_whole(gzip.compress(bytes(10_000_000))), b""),
    "escapes in its status": (b"HTTP/1.1 \x1b[2J\r\n\r\n", b""),
    "more running than can be": (_whole(METRICS.replace(b" 8", b" 1e300")), b""),
}


def _metered(url: str, folder: object) -> int:
    return main(["meter", url, "--window", "0.05", "--every", "0.05", "--device", "H100 SXM 80GB",
                 "--store", f"{folder}/s.db"])  # fmt: skip


@pytest.mark.parametrize(("start", "more"), WRONG.values(), ids=WRONG)
def test_metrics_that_can_not_be_are_refused(tmp_path, capsys, monkeypatch, start, more):
    monkeypatch.setattr(endpoints, "LIST_TIMEOUT_S", 0.5)
    with serving(start, more) as url:
        assert _metered(url, tmp_path) in (1, 2)
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 2
    assert all(character.isprintable() or character == "\n" for character in said)


@pytest.mark.parametrize(
    "models",
    [b"[" * 100_000, b'{"data": [{"id": "' + b"x" * 9999 + b'"}]}', b'{"data": [{"id": {}}]}',
     json.dumps({"data": [{"id": "\x1b[2J\u202e\ud800"}]}).encode()],
)  # fmt: skip
def test_a_list_of_models_that_names_none_is_as_good_as_none(tmp_path, models):
    with serving(_whole(METRICS), models=models) as url:
        assert _metered(url, tmp_path) == 0
        assert endpoints.parse(url).models() == []


def test_a_models_name_in_metrics_disturbs_no_record(tmp_path):
    named = METRICS.replace(b'"m"', "\x1b[2J\u202e".encode() + b'"')
    with serving(_whole(named)) as url:
        assert _metered(url, tmp_path) == 0


STREAMS = {
    "events without end": EVENT * 500,
    "comments without end": b": ping\n\n" * 500,
    "one event without end": b"data: xxxx" * 500,
    "texts without end": b'data: {"choices":[{"delta":{"content":"' + b"a" * 9999 + b'"}}]}\n\n',
}


@pytest.mark.parametrize("more", STREAMS.values(), ids=STREAMS)
def test_an_answer_without_end_is_given_up(monkeypatch, more):
    monkeypatch.setattr(reply, "MOST_CHUNKS", 5000)
    with serving(STREAM, more) as url:
        plan = Plan(
            target=endpoints.parse(url).target("chat"), bodies=((b"{}",),), concurrency=1,
            count=1, first_nonce=1, limits=Limits(timeout_s=1.0, failures_in_a_row=1),
        )  # fmt: skip
        (outcome,) = drive(plan).outcomes
    assert outcome.failure in ("timeout", "malformed")
    assert outcome.detail.isprintable()


def test_more_tokens_than_any_context_are_no_count():
    answer = reply.Reply()
    answer.take(b'{"usage": {"prompt_tokens": 5, "completion_tokens": 999999999999}}', 1.0)
    assert (answer.input_tokens, answer.output_tokens) == (None, None)
