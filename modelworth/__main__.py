"""`python -m modelworth` is the same as `modelworth`."""

import sys

from modelworth.cli import main

if __name__ == "__main__":
    sys.exit(main())
