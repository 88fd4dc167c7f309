"""What a person says of how a server runs: its cached keys, and tokens guessed ahead."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelworth.data.serving import Drafting

MOST_DRAFTED: Final = 1000


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """The three flags."""
    group.add_argument("--kv-precision", help="of cached keys and values, such as fp8")
    group.add_argument("--drafted", metavar="N", help="tokens guessed ahead in a step")
    group.add_argument("--acceptance", metavar="SHARE", help="of them that was kept, such as 0.7")


def said(options: argparse.Namespace) -> tuple[str | None, Drafting | None]:
    """Format of the cache, and how tokens were guessed ahead; None: nobody says.

    Raises:
        InputError: if one can't be.
    """
    from modelworth.data.errors import InputError
    from modelworth.data.importers.read import count, number
    from modelworth.data.importers.server_settings import cache_format
    from modelworth.data.serving import Drafting
    from modelworth.data.weight_formats import weight_format

    cached = cache_format(options.kv_precision) or options.kv_precision
    if cached is not None:
        try:
            weight_format(cached)
        except InputError as error:
            raise error.at("--kv-precision") from error
    tokens, share = count(options.drafted), number(options.acceptance)
    if options.drafted is not None and not (tokens and tokens <= MOST_DRAFTED):
        raise InputError("--drafted", options.drafted, f"1 to {MOST_DRAFTED} in a step")
    if options.acceptance is not None and (share is None or not 0 <= share <= 1):
        raise InputError("--acceptance", options.acceptance, "a share from 0 to 1")
    if tokens is None and share is None:
        return cached, None
    per_pass = None if share is None or tokens is None else 1 + share * tokens
    return cached, Drafting(drafted=tokens, acceptance=share, tokens_per_pass=per_pass)
