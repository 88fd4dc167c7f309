"""`python -m modelworth` is the same as `modelworth`."""

import os
import signal
import sys

from modelworth.cli import main

if __name__ == "__main__":
    if os.getpid() == os.getsid(0):
        # A shell has what it starts with `&` ignore interrupts, and so does all that this starts.
        # Who leads a session of its own, as work started from a page, is stopped only on purpose.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
