"""HTTP answers and event streams, however they are cut into pieces, and what they say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.bench.load.reply import Reply
from modelworth.bench.load.wire import Answer, WireError

EVENTS = [{"n": 1}, {"text": "żółw\n\n"}, {"n": 3}]
STREAM = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def _chunked(body: bytes, sizes: list[int]) -> bytes:
    pieces = []
    while body:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(b"%X;x=1\r\n%b\r\n" % (len(body[:size]), body[:size]))
        body = body[size:]
    return b"".join(pieces) + b"0\r\n\r\n"


def _feed(data: bytes, sizes: list[int]) -> tuple[Answer, list[bytes]]:
    answer, payloads, place, turn = Answer(), [], 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        payloads += answer.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    return answer, payloads


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(sizes, sizes)
def test_however_a_chunked_stream_is_cut_its_events_come_out(chunks, reads):
    body = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(STREAM, chunks)
    answer, payloads = _feed(body, reads)
    assert [json.loads(payload) for payload in payloads] == EVENTS
    assert answer.done
    assert answer.reusable


@given(sizes)
def test_a_stream_of_stated_length_and_one_until_the_end_of_the_connection(reads):
    crlf = b": ping\r\n\r\n" + STREAM.replace(b"\n\n", b"\r\n\r\n")
    answer, payloads = _feed(HEAD + b"Content-Length: %d\r\n\r\n" % len(crlf) + crlf, reads)
    assert [json.loads(payload) for payload in payloads] == EVENTS
    assert answer.done
    answer, payloads = _feed(HEAD + b"Connection: close\r\n\r\n" + STREAM, reads)
    assert len(payloads) == 3
    assert not answer.done
    assert answer.close()
    assert not answer.reusable


def test_an_error_is_read_as_a_body_after_an_interim_answer():
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 No\r\nContent-Length: 4\r\n\r\nbusy"
    answer, payloads = _feed(data, [7])
    assert (answer.status, answer.body, payloads, answer.done) == (429, b"busy", [], True)


def test_an_answer_that_breaks_off_is_not_whole():
    half = HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\ndata: {"
    answer, payloads = _feed(half, [5])
    assert not payloads
    assert not answer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 many OK\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nlots\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        HEAD + b"Content-Length: -4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
        HEAD + b"\r\n" + b"data: x" * 1_000_000,
    ],
)
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(WireError):
        _feed(data, [65_536])


def _reply(*events) -> Reply:
    """A reply whose events come a second apart."""
    reply = Reply()
    for second, one in enumerate(events):
        reply.take(one if isinstance(one, bytes) else json.dumps(one).encode(), float(second))
    return reply


def _chunk(text, field="content", finish=None):
    return {"choices": [{"delta": {field: text}, "finish_reason": finish}]}


def _usage(output, **more):
    return {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": output, **more}}


ROLE = {"choices": [{"delta": {"role": "assistant"}}]}


def test_the_first_token_is_the_first_text():
    reply = _reply(ROLE, _chunk(""), _chunk("a"), _chunk("b"), _chunk("", finish="stop"), _usage(2))
    assert (reply.first_s, reply.last_s, list(reply.gaps_s)) == (2.0, 3.0, [1.0])
    assert (reply.input_tokens, reply.output_tokens, reply.tokens_after_first()) == (7, 2, 1)


def test_completions_reasoning_and_tool_calls_are_text_too():
    call = {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{"}}]}}]}
    reply = _reply({"choices": [{"text": "a"}]}, _chunk("b", "reasoning_content"), call, _usage(3))
    assert reply.chunks == 3
    assert reply.reasoning_seen


def test_chunks_of_four_tokens_are_told_by_the_usage():
    """64 tokens, four a chunk, 40 ms apart: 10 ms a token, though there are only 15 gaps."""
    reply = _reply(*[_chunk("word" * 4)] * 16, _usage(64))
    assert (reply.last_s - reply.first_s) * 40 / reply.tokens_after_first() == 10


def test_a_single_first_token_before_chunks_of_four():
    reply = _reply(_chunk("word"), *[_chunk("word" * 4)] * 16, _usage(65))
    assert reply.tokens_after_first() == 64


def test_counts_as_it_goes_tell_the_first_chunk():
    counted = [_chunk("longer word") | {"usage": {"completion_tokens": 3}}]
    counted += [_chunk("x") | {"usage": {"completion_tokens": 3 + 2 * n}} for n in range(1, 6)]
    assert _reply(*counted, _usage(13)).tokens_after_first() == 10


def test_reasoning_counted_apart_and_reasoning_in_silence():
    apart = _reply(
        *[_chunk("r", "reasoning")] * 4,
        *[_chunk("w")] * 6,
        _usage(6, reasoning_tokens=4, total_tokens=17),
    )
    assert (apart.output_tokens, apart.tokens_after_first()) == (10, 9)
    silent = _reply(
        *[_chunk("w")] * 6,
        _usage(10, completion_tokens_details={"reasoning_tokens": 4}, total_tokens=17),
    )
    assert (silent.output_tokens, silent.reasoning_tokens) == (10, 4)
    assert silent.tokens_after_first() == 5


def test_no_usage_is_no_count():
    reply = _reply(_chunk("a"), _chunk("b"), b"[DONE]")
    assert reply.ended
    assert reply.output_tokens is None
    assert reply.tokens_after_first() is None


def test_an_error_within_the_stream_is_kept():
    assert "blocks" in (_reply(_chunk("a"), {"error": {"message": "out of blocks"}}).error or "")


def test_a_client_whose_parent_is_gone_ends_without_a_word():
    command = [sys.executable, "-m", "modelworth.bench.load.worker"]
    ended = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3000,
        b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
    ],
    ids=["interim answers", "status", "length", "no end of a size", "size"],
)
def test_a_server_that_never_comes_to_the_point_is_refused(content):
    with pytest.raises(WireError):
        Answer().feed(content)
