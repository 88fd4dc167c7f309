"""Texts of a Parquet file of yours, read by pyarrow in a process of its own with little memory.

What such a file says of itself need not be true, and pyarrow takes memory by it: a header of a few
bytes may ask for 34 GB. The child is refused more than `MEMORY_BYTES` by the system (Linux; macOS
bounds nothing), and what it dies of is one line here. `python -m` this module is the child.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import MOST_BYTES, require_file

MEMORY_BYTES: Final = 2**30
ROWS: Final = 64
"""Read at once; a text may have some megabytes."""


def texts(path: Path, names: Sequence[str]) -> Iterator[str]:
    """The texts under the first of `names` that is a column, row by row; empty ones left out.

    Raises:
        InputError: if it isn't such a file, or needs more memory than any of its kind.
    """
    require_file(path, "a Parquet file")
    command = [sys.executable, "-m", "modelworth.bench.study.parquet_texts", str(path), *names]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
    fault = f"damage, or over {MEMORY_BYTES / 2**30:g} GiB to read it"
    with subprocess.Popen(command, env=environment, **quiet) as child:
        assert child.stdout is not None
        for line in child.stdout:
            found = json.loads(line)
            if isinstance(found, str):
                yield found
            else:
                (fault,) = found
    if child.returncode:
        allowed = f"a whole Parquet file with a column of texts ({', '.join(names)})"
        raise InputError(str(path), fault, allowed)


def main(path: str, *names: str) -> int:
    """Write each text as a line of JSON, or at last a list with what is wrong."""
    import pyarrow as pa
    from pyarrow import parquet

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=2**20) as file:
            name = next((name for name in names if name in file.schema_arrow.names), None)
            if name is None:
                raise ValueError("no such column")
            rows = file.metadata.num_rows
            for batch in file.iter_batches(ROWS, columns=[name], use_threads=False):
                rows -= batch.num_rows
                for text in filter(None, batch.column(0).to_pylist()):
                    if not isinstance(text, str) or len(text) > MOST_BYTES:
                        raise ValueError("a row that is no text, or too long a one")
                    print(json.dumps(text))  # noqa: T201 - to the parent
            if rows:
                raise ValueError("other rows than it says")
    except (pa.ArrowException, OSError, ValueError) as error:
        print(json.dumps([(str(error).splitlines() or [""])[0]]))  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
