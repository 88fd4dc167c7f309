"""Reads YAML into plain mappings, lists, text and finite numbers, and nothing else.

Plain data need no tags, anchors or aliases, so these are refused, and with them cycles and texts
that grow without bound. So are repeated keys, infinities, whole numbers beyond 2^53, text that
isn't plain, and files of more than 300 kB. Unlike YAML 1.1, `1e6` is a number, `2026-12-01` and
`no` are text, and only true and false are truth.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import yaml

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_text
from modelworth.data.json_reader import LARGEST_WHOLE
from modelworth.data.plain_text import check_text

MAX_BYTES: Final = 300_000
MAX_DEPTH: Final = 20
MAX_NODES: Final = 20_000
MAX_DIGITS: Final = 40
SMALLEST: Final = 1e-30
"""No quantity is smaller and not 0; a product of two such is still a number."""
LONGEST_KEY: Final = 200
Document = dict[str, Any]

#: what YAML makes of plain text, mappings and lists by itself
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_NUMBER = re.compile(r"^[-+]?(\d[\d_]*)?(\.\d*)?([eE][-+]?\d+)?$", re.ASCII)
WIDE: Final = "："
NARROW: Final = "write the colon after a key as : and a space, not full-width as ："
_WIDE_KEY = re.compile(r"^[ \t]*(?:- )?([a-z][a-z0-9_.]*[ \t]*：)", re.MULTILINE)
_WIDE_VALUE = re.compile(r"[a-z][a-z0-9_.]*\s*：\s*([-+.\d{\[=]|true|false|$)")
_NOT_FINITE = re.compile(r"^[-+]?\.?(inf|nan|infinity)$", re.IGNORECASE)


def read(text: str, name: str) -> Document:
    """The mapping that the text holds.

    Args:
        text: YAML.
        name: what to call it in errors.

    Raises:
        InputError: if it isn't YAML, or more than plain data.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InputError(name, f"{len(text):,} characters", f"at most {MAX_BYTES:,} bytes")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        if wide := _WIDE_KEY.search(text):
            line = text.count("\n", 0, wide.start(1)) + 1
            raise InputError(name, f"{wide[1]} in line {line}", advice=NARROW) from error
        raise InputError(name, _first_line(error), "readable YAML") from error
    except (ValueError, OverflowError) as error:  # an escape such as \\UFFFFFFFF, beyond Unicode
        raise InputError(name, str(error), "readable YAML") from error
    except RecursionError as error:
        raise InputError(name, "nested too deep", f"at most {MAX_DEPTH} levels") from error
    if node is None:
        raise InputError(name, "empty", advice="write keys and values in YAML")
    found = _Builder(name).build(node, "", 0)
    if not isinstance(found, dict):
        raise InputError(name, found, "a mapping from keys to values")
    return found


def read_file(path: Path, name: str) -> Document:
    """The mapping in a file; `name` is what to call it in errors about its content.

    Raises:
        InputError: if it can't be read, or holds more than plain data.
    """
    return read(read_text(path, "a readable YAML file", MAX_BYTES), name)


def value(text: str, where: str) -> Any:
    """One value, as `--set key=value` gives it."""
    return read(f"value: {text}", where)["value"]


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias, which plain data don't need."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(f"an alias in line {event.start_mark.line + 1}")
        return super().compose_node(parent, index)


class _Builder:
    """Makes plain data of the nodes, with the path of what is wrong."""

    def __init__(self, name: str) -> None:
        self.name, self.nodes = name, 0

    def build(self, node: yaml.Node, path: str, depth: int) -> Any:
        """The data under a node."""
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise InputError(self._at(path), f"{depth} levels", f"at most {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            raise InputError(self.name, f"over {MAX_NODES:,} values", f"at most {MAX_NODES:,}")
        self._untagged(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.build(item, f"{path}[{place}]", depth + 1) for place, item in items]
        return self._scalar(node, path)

    def _untagged(self, node: yaml.Node, path: str) -> None:
        """Refuse a tag, which could make anything of plain data."""
        if node.tag not in _TAGS:
            raise InputError(self._at(path), node.tag, "plain data without tags")

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Document:
        found: Document = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError(self._at(path), "a key that isn't text", "text as key")
            self._untagged(key_node, path)
            key = check_text(key_node.value, self._at(path), LONGEST_KEY)
            below = f"{path}.{key}" if path else key
            self._key(node, key, value_node, path, next(reversed(found), None))
            if key in found:
                raise InputError(self._at(below), "the key twice", "given once")
            found[key] = self.build(value_node, below, depth + 1)
        return found

    def _key(
        self, node: yaml.MappingNode, key: str, value_node: yaml.Node, path: str, before: str | None
    ) -> None:
        """Refuse what is a key by mistake: the rest of 3,000,000, or a colon of another width."""
        if before and node.flow_style and re.fullmatch(r"\d{3}", key) and not value_node.value:
            advice = "write it without commas, such as 3000000 or 3e6: in {} a comma ends a value"
            where = f"{path}.{before}" if path else before
            raise InputError(self._at(where), "a number with commas", advice=advice)
        if WIDE in key:
            raise InputError(self._at(path), key, advice=NARROW)

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        text = check_text(str(node.value), self._at(path))
        if getattr(node, "style", None) in ("'", '"', "|", ">"):
            return text
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if text in ("", "~", "null"):
            return None
        if _NOT_FINITE.match(text):
            raise InputError(self._at(path), text, "a finite number")
        if _WIDE_VALUE.match(text):
            raise InputError(self._at(path), text, advice=NARROW)
        if _NUMBER.match(text) and any(character.isdigit() for character in text):
            return self._number(text, path)
        return text

    def _number(self, text: str, path: str) -> int | float:
        plain = text.replace("_", "")
        number = float(plain)
        if not math.isfinite(number) or len(plain) > MAX_DIGITS:
            shown = text if len(text) <= MAX_DIGITS else f"{text[:MAX_DIGITS]}…"
            raise InputError(self._at(path), shown, "a finite number of at most 40 digits")
        if 0 < abs(number) < SMALLEST:
            raise InputError(self._at(path), text, f"0, or {SMALLEST:g} and more in size")
        if not plain.lstrip("+-").isdigit():
            return number
        if abs(int(plain)) > LARGEST_WHOLE:
            raise InputError(self._at(path), text, "a whole number up to 2^53")
        return int(plain)

    def _at(self, path: str) -> str:
        return f"{self.name}: {path}" if path else self.name


def _first_line(error: yaml.YAMLError) -> str:
    """What was wrong, with its line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem} in line {mark.line + 1}" if mark is not None else str(problem)
