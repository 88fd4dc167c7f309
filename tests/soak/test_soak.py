"""What the campaigns stand on, and what they once found; `make soak` runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.soak import fuzz
from tests.soak.mutations import as_json, mutate_bytes, mutate_data
from tests.soak.readers import READERS, Reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_the_changes_start_from_is_taken_in(reader):
    for seed in reader.seeds()[:1]:
        assert fuzz.tried(reader, reader.encode(seed)) == ("read", None)


def test_the_same_number_makes_the_same_input():
    data = {"a": [1, {"b": "text"}], "c": 2.5}
    first, again = (mutate_data(data, _changes()) for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    one, other = (mutate_bytes(b"some text", _changes()) for _ in range(2))
    assert one == other
    assert data == {"a": [1, {"b": "text"}], "c": 2.5}


def _changes():
    return [np.random.default_rng([7, number]) for number in range(3)]


@pytest.mark.parametrize("path", sorted(fuzz.FOUND.glob("*-*")), ids=lambda path: path.name)
def test_what_once_failed_is_refused_or_read(path):
    reader = next(one for one in READERS if one.name == path.name.split("-")[0])
    outcome, fault = fuzz.tried(reader, path.read_bytes())
    assert fault is None, outcome


def test_an_input_that_fails_is_made_as_small_as_fails():
    def read(content):
        if b"owned" in content:
            raise RuntimeError("a fault")

    plain = Reader("plain", lambda: [{"a": 1, "b": 2}], as_json, read)
    found = [n for n in range(400) if fuzz.tried(plain, fuzz.made(plain, plain.seeds(), n))[1]]
    small = [fuzz.smallest(plain, plain.seeds(), number, "RuntimeError") for number in found]
    assert found
    assert all(b"owned" in content for content in small)
    whole = [fuzz.made(plain, plain.seeds(), number) for number in found]
    assert sum(map(len, small)) < sum(map(len, whole)) / 2
