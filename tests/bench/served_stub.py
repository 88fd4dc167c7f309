"""A server for tests: streams by absolute deadlines and logs every request on its own side.

Token k of a request that got a slot at s is due at s + ttft + k·tpot. The model's name in a request
chooses what goes wrong, such as `stub;fault=die;chunk=4`. GET /log is the truth; GET /metrics is in
vLLM's words. Run as a program it prints its port; it ends with its standard input.
"""

from __future__ import annotations

import argparse
import heapq
import json
import select
import socket
import sys
from itertools import count
from time import perf_counter

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def event(**content) -> bytes:
    whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stub", **content}
    text = b"data: " + json.dumps(whole).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(text), text)


def delta(text: str | None, finish: str | None = None, field: str = "content") -> bytes:
    part = {"role": "assistant"} if text is None else {field: text}
    return event(choices=[{"index": 0, "delta": part, "finish_reason": finish}])


def completion(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return event(object="text_completion", choices=[choice])


DONE = b"e\r\ndata: [DONE]\n\n\r\n"
TOKEN, COMPLETION_TOKEN = delta(" time"), completion(" time")


class Request:
    def __init__(self, fd, body, now):
        _, *options = body["model"].split(";")
        self.options = dict(option.split("=") for option in options)
        self.fd, self.got_s = fd, now
        self.tokens = int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)
        self.words = written(body).split()
        self.chunk = int(self.options.get("chunk", 1))
        self.fault = self.options.get("fault", "")
        self.begun_s = self.first_s = self.last_s = None
        self.sent, self.chat = 0, "messages" in body


def written(body) -> str:
    """The text of a request, in whichever form it comes."""
    if "prompt" in body:
        return body["prompt"] if isinstance(body["prompt"], str) else " ".join(body["prompt"])
    contents = [message["content"] for message in body["messages"]]
    parts = [[{"text": one}] if isinstance(one, str) else one for one in contents]
    return " ".join(part.get("text", "") for one in parts for part in one)


class Stub:
    def __init__(self, ttft_s, tpot_s, slots, port=0):
        self.ttft_s, self.tpot_s, self.slots = ttft_s, tpot_s, slots
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)
        self.sockets, self.buffers = {}, {}
        self.heap, self.order = [], count()
        self.running, self.queue, self.log = set(), [], []
        self.seen = self.prompt_tokens = self.new_tokens = 0
        self.last_words: list[str] = []
        self.replayed: dict[int, bytes] = {}

    def serve(self, until=sys.stdin):
        self.epoll.register(until, select.EPOLLIN)
        while True:
            wait_s = self.heap[0][0] - perf_counter() if self.heap else 1.0
            if wait_s > 0:
                select.select([self.epoll], [], [], wait_s)
            for fd, _ in self.epoll.poll(0):
                if fd == until.fileno():
                    return
                if fd == self.listener.fileno():
                    self.accept()
                else:
                    self.read(fd)
            now = perf_counter()
            while self.heap and self.heap[0][0] <= now:
                _, _, request = heapq.heappop(self.heap)
                self.step(request)

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except BlockingIOError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[peer.fileno()] = peer
            self.buffers[peer.fileno()] = b""
            self.epoll.register(peer, select.EPOLLIN)

    def read(self, fd):
        try:
            data = self.sockets[fd].recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self.hang_up(fd)
            return
        self.buffers[fd] += data
        head, mark, rest = self.buffers[fd].partition(b"\r\n\r\n")
        if not mark:
            return
        lower = head.lower()
        place = lower.find(b"content-length:")
        length = int(lower[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(rest) < length:
            return
        self.buffers[fd] = rest[length:]
        method, path, _ = head.split(b" ", 2)
        if method == b"GET":
            self.answer_get(fd, path.decode())
        else:
            self.take(fd, path.decode(), rest[:length])

    def answer_get(self, fd, path):
        if path.endswith("/models"):
            body = {"data": [{"id": "stub", "object": "model"}]}
        elif path.endswith("/health"):
            body = {}
        elif path.endswith("/log"):
            body = self.log
        elif path.endswith("/metrics"):
            self.plain(fd, 200, self.metrics().encode(), "text/plain")
            return
        else:
            self.plain(fd, 404, b"{}")
            return
        self.plain(fd, 200, json.dumps(body).encode())

    def metrics(self):
        waiting = len(self.queue)
        return (
            "# TYPE vllm:prompt_tokens_total counter\n"
            f'vllm:prompt_tokens_total{{model_name="stub"}} {self.prompt_tokens}\n'
            f'vllm:generation_tokens_total{{model_name="stub"}} {self.new_tokens}\n'
            f'vllm:num_requests_running{{model_name="stub"}} {len(self.running)}\n'
            f'vllm:num_requests_waiting{{model_name="stub"}} {waiting}\n'
        )

    def plain(self, fd, status, body, kind="application/json"):
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.send(fd, head.encode() + body)

    def take(self, fd, path, body):
        now = perf_counter()
        self.seen += 1
        try:
            asked = json.loads(body)
            request = Request(fd, asked, now)
        except (ValueError, KeyError):
            self.plain(fd, 400, b'{"error": "no JSON of a request"}')
            return
        refused = {"429": 429, "500": 500}.get(request.fault)
        every = int(request.options.get("every", 1))
        if self.seen % every:
            request.fault = ""
        elif refused:
            self.plain(fd, refused, b'{"error": {"message": "not now"}}')
            return
        if request.options.get("strict") and "ignore_eos" in asked:
            self.plain(fd, 422, b'{"detail": "ignore_eos is not known"}')
            return
        if request.fault == "replay":
            self.replay(request)
            return
        if len(self.running) < self.slots:
            self.begin(request, now)
        else:
            self.queue.append(request)

    def replay(self, request):
        if request.tokens not in self.replayed:
            whole = HEAD + TOKEN * request.tokens + self.last_events(request)
            self.replayed[request.tokens] = whole
        self.send(request.fd, self.replayed[request.tokens])
        self.log.append({"tokens": request.tokens})

    def begin(self, request, now):
        self.running.add(request)
        request.begun_s = now
        slow_s = 1.0 if request.fault == "slow_first" and self.seen == 1 else 0.0
        request.begun_s += slow_s
        if request.fault == "hang":
            return
        early = HEAD
        if request.fault == "role_first":
            early += delta(None)
        elif request.fault == "empty_first":
            early += delta("")
        self.send(request.fd, early)
        self.later(request.begun_s + self.ttft_s, request)

    def later(self, due_s, request):
        heapq.heappush(self.heap, (due_s, next(self.order), request))

    def step(self, request):
        """Send the next chunk, at its deadline."""
        if request not in self.running:
            return
        size = min(request.chunk, request.tokens - request.sent)
        thinking = request.fault == "reasoning" and request.sent < request.tokens // 2
        if not request.chat:
            chunk = COMPLETION_TOKEN if size == 1 else completion(" time" * size)
        elif size == 1 and not thinking:
            chunk = TOKEN
        else:
            chunk = delta(" time" * size, field="reasoning_content" if thinking else "content")
        if request.fault == "half_chunk" and request.sent >= request.tokens // 2:
            self.send(request.fd, chunk[: len(chunk) // 2])
            self.hang_up(request.fd)
            return
        if request.fault == "die" and request.sent >= request.tokens // 2:
            self.hang_up(request.fd)
            return
        if request.fault == "stream_error" and request.sent >= request.tokens // 2:
            chunk = event(error={"message": "out of blocks"})
        self.send(request.fd, chunk)
        now = perf_counter()
        request.sent += size
        request.last_s = now
        if request.first_s is None:
            request.first_s = now
        if request.sent < request.tokens:
            due_s = request.begun_s + self.ttft_s + request.sent * self.tpot_s
            self.later(due_s, request)
        else:
            self.end(request, now)

    def last_events(self, request):
        words, prompt = request.words, len(request.words) + 3
        usage = {"prompt_tokens": prompt, "completion_tokens": request.tokens}
        if request.fault == "reasoning":
            usage["completion_tokens"] = request.tokens - request.tokens // 2
            usage["reasoning_tokens"] = request.tokens // 2
            usage["total_tokens"] = prompt + request.tokens
        if request.options.get("cache"):
            same = 0
            for mine, last in zip(words, self.last_words, strict=False):
                if mine != last:
                    break
                same += 1
            usage["prompt_tokens_details"] = {"cached_tokens": same}
            self.last_words = words
        counts = b"" if request.fault == "no_usage" else event(choices=[], usage=usage)
        last = delta("", "length") if request.chat else completion("", "length")
        return last + counts + DONE + END

    def end(self, request, now):
        self.send(request.fd, self.last_events(request))
        self.prompt_tokens += len(request.words) + 3
        self.new_tokens += request.tokens
        self.log.append(
            {
                "got_s": request.got_s, "begun_s": request.begun_s, "first_s": request.first_s,
                "last_s": request.last_s, "tokens": request.tokens, "waiting": len(self.queue),
                "prompt": " ".join(request.words[:12]), "prompt_tokens": len(request.words) + 3,
            }
        )  # fmt: skip
        self.free(request, request.begun_s + self.ttft_s + (request.tokens - 1) * self.tpot_s)

    def free(self, request, at_s):
        """Give the slot to who waits longest; its deadlines count from when it came free."""
        self.running.discard(request)
        if self.queue and len(self.running) < self.slots:
            following = self.queue.pop(0)
            self.begin(following, max(at_s, following.got_s))

    def send(self, fd, data):
        peer = self.sockets.get(fd)
        if peer is None:
            return
        try:
            peer.send(data)
        except OSError:
            self.hang_up(fd)

    def hang_up(self, fd):
        peer = self.sockets.pop(fd, None)
        if peer is None:
            return
        self.epoll.unregister(fd)
        peer.close()
        self.queue = [one for one in self.queue if one.fd != fd]
        for request in [one for one in self.running if one.fd == fd]:
            self.free(request, perf_counter())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ttft-s", type=float, default=0.1)
    parser.add_argument("--tpot-s", type=float, default=0.01)
    parser.add_argument("--slots", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    stub = Stub(options.ttft_s, options.tpot_s, options.slots, options.port)
    sys.stdout.write(f"{stub.port}\n")
    sys.stdout.flush()
    stub.serve()


if __name__ == "__main__":
    main()
