"""A small part of the campaigns, with fixed seeds; `make soak` runs the whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.soak import fuzz, kills
from tests.soak.mutations import mutate_bytes, mutate_data
from tests.soak.readers import READERS


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_changed_inputs_are_taken_in_or_refused(reader):
    found = fuzz.run(reader.name, 20261125, 8.0, 150)
    assert found["inputs"]
    assert found["faults"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", kills.CAMPAIGNS)
def test_sudden_death_loses_nothing(name):
    found = kills.run(name, 20261125, 12.0, 3)
    assert found["kills"]
    assert found["faults"] == []


def test_the_same_number_makes_the_same_input():
    data = {"a": [1, {"b": "text"}], "c": 2.5}
    first, again = (mutate_data(data, np.random.default_rng(7), 3) for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    one, other = (mutate_bytes(b"some text", np.random.default_rng(7), 3) for _ in range(2))
    assert one == other
    assert data == {"a": [1, {"b": "text"}], "c": 2.5}
