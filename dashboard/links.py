"""A scenario inside an address: packed for a link, unpacked with distrust.

The text travels whole (deflated, in URL-safe base64), so that a link opens the same scenario where
the sender's store isn't at hand. Unpacking limits what a small link may grow to; whether the text
is a scenario is for `modelworth.costmodel.scenario.scenario` to say.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.data.errors import InputError

LONGEST_TEXT = 200_000
LONGEST_LINK = 30_000


def pack(text: str) -> str:
    """The text as one URL-safe word."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def pack_scenario(scenario: Scenario) -> str:
    """The scenario as one word: as JSON, which is YAML too, and is written sooner."""
    return pack(json.dumps(dict(scenario.document), ensure_ascii=False, separators=(", ", ": ")))


def unpack(word: str) -> str:
    """The text that `pack` made a word of.

    Raises:
        InputError: if it isn't one, or is too long.
    """
    if len(word) > LONGEST_LINK:
        raise InputError("link", f"{len(word)} characters", f"at most {LONGEST_LINK}")
    try:
        packed = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        inflate = zlib.decompressobj()
        plain = inflate.decompress(packed, LONGEST_TEXT)
        if inflate.unconsumed_tail:
            raise InputError("link", "a text too long", f"at most {LONGEST_TEXT} bytes")
        if not inflate.eof:
            raise InputError("link", "a link cut short", "the whole address")
        return plain.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError) as error:
        raise InputError("link", word[:40], "an address copied whole from the Scenario page") from (
            error
        )
