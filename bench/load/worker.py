"""The program of one client process: a plan comes in, what happened goes out.

It says when it is ready, waits for the moment to begin, ends early but whole at SIGTERM, and
without a word when its parent is gone.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading

from modelworth.bench.load.client import Client


def main() -> None:
    """Work for the parent; where that is gone, nobody is left to be told."""
    try:
        work()
        sys.stdout.flush()
    except (EOFError, BrokenPipeError):
        os._exit(1)


def work() -> None:
    """Read a plan and a moment from standard input; write the run to standard output."""
    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    out, parent = sys.stdout.buffer, os.getppid()
    plan = pickle.load(sys.stdin.buffer)
    client = Client(plan, lambda: stopped.is_set() or os.getppid() != parent)
    out.write(b"\n")
    out.flush()
    start_s = pickle.load(sys.stdin.buffer)
    gc.disable()  # nothing here makes circles, and a collection would be lag
    pickle.dump(client.run(start_s), out)


if __name__ == "__main__":
    main()
