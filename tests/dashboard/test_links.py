"""Scenario texts in addresses."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import links
from modelworth.data.errors import InputError


@given(st.text(max_size=2000))
def test_what_is_packed_comes_back(text):
    word = links.pack(text)
    assert links.unpack(word) == text
    assert word.isascii()
    assert not set(word) & set("+/=&?#")


@pytest.mark.parametrize("word", ["", "!!!", "AAAA", "%00", links.pack("name: x" * 50)[:-6]])
def test_a_broken_link_is_refused(word):
    with pytest.raises(InputError):
        links.unpack(word)


def test_a_small_link_cannot_grow_without_end():
    bomb = base64.urlsafe_b64encode(zlib.compress(b"a" * 50_000_000, 9)).decode().rstrip("=")
    with pytest.raises(InputError):
        links.unpack(bomb)


@pytest.mark.parametrize("name", scenarios.shipped())
def test_a_plan_travels_whole_in_a_link(name):
    plan = scenarios.load(name)
    assert scenarios.loads(links.unpack(links.pack_scenario(plan))).sha256 == plan.sha256
