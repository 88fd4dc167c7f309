"""The command that was given, rebuilt from what it was understood to mean.

A record says which command made it. The text is made from the parsed options, so that it says the
same in whatever order they came, and what must not be kept is left out: the addresses of stores and
servers, which may hold a password, and the folders of files, which name people and machines.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import PurePath

SECRET = frozenset({"store", "url", "api_key_env", "header"})
"""Options whose value is never written."""


def command_text(verb: str, parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Such as `modelworth bench --suite quick --store …`."""
    words = ["modelworth", verb]
    for action in parser._actions:
        value = getattr(options, action.dest, None)
        if action.dest in ("help", "debug") or value in (None, [], action.default):
            continue
        name = [max(action.option_strings, key=len)] if action.option_strings else []
        words += name + ([] if action.nargs == 0 else _shown(action.dest, value))
    return " ".join(words)


def _shown(name: str, value: object) -> list[str]:
    if name in SECRET:
        return ["…"]
    parts = value if isinstance(value, list | tuple) else [value]
    return [shlex.quote(_without_folder(str(part))) for part in parts]


def _without_folder(text: str) -> str:
    """A path without its folders; anything else as it is, each part of a `KEY=VALUE` likewise."""
    key, mark, value = text.partition("=")
    if mark:
        return f"{_without_folder(key)}={_without_folder(value)}"
    is_path = text.startswith(("/", "~", "./", "../", "\\")) or "\\" in text or text.count("/") > 1
    return PurePath(text.replace("\\", "/")).name if is_path else text
