"""Readers of other people's text: plain data within bounds, else one clear line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.data import yaml_reader
from modelworth.data.errors import InputError
from modelworth.data.json_reader import LARGEST_WHOLE, read_json, read_json_file
from modelworth.data.plain_text import check_text

plain = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf")), max_size=40)
data = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_WHOLE, LARGEST_WHOLE) | plain
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(data)
def test_plain_json_is_read_as_the_standard_library_reads_it(content):
    text = json.dumps(content)
    assert read_json(text, "x") == json.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[NaN]", "NaN"), ("[Infinity]", "Infinity"), ("[1e999]", "finite"),
        ("[9007199254740993]", "2^53"), (f"[{'9' * 5000}]", "2^53"),
        ("[" * 5000 + "]" * 5000, "level"), ("[" * 80 + "]" * 80, "level"),
        ('["\\ud800"]', "U+D800"), ('["a\\u001b[2J"]', "U+001B"), ('{"\\u202e": 1}', "U+202E"),
        ("{", "JSON"), (json.dumps("x" * 30_000), "20,000"),
        ('{"a": {"b": 1, "b": 2}}', "the key b twice"),
    ],
)  # fmt: skip
def test_what_is_not_plain_json_is_refused_in_two_lines(text, said):
    with pytest.raises(InputError) as caught:
        read_json(text, "x.json")
    message = str(caught.value)
    assert said in message
    assert message.count("\n") == 1
    assert all(character.isprintable() or character == "\n" for character in message)


@pytest.mark.parametrize(
    "text",
    [
        'a: "\\UFFFFFFFF"', 'a: "\\ud800"', '"\\e[2J\\e]0;owned\\a": 1', 'a: "\\u202e"',
        "a: 9007199254740993", "a: " + "[" * 3000, f"{'k' * 300}: 1",
    ],
)  # fmt: skip
def test_what_is_not_plain_yaml_is_refused_in_two_lines(text):
    with pytest.raises(InputError) as caught:
        yaml_reader.read(text, "x.yaml")
    message = str(caught.value)
    assert message.count("\n") == 1
    assert all(character.isprintable() or character == "\n" for character in message)


def test_a_byte_order_mark_is_no_part_of_a_file_and_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json_file(path) == [1]
    with pytest.raises(InputError, match="at most 2 bytes"):
        read_json_file(path, max_bytes=2)
    path.write_bytes(b"\xff\xfd")
    with pytest.raises(InputError, match="UTF-8"):
        read_json_file(path)


def test_line_feeds_are_text():
    assert check_text("a\n\tb", "x") == "a\n\tb"
