"""One vocabulary, whole and consistent."""

from __future__ import annotations

from typing import get_args

import pytest

from modelworth.data import words
from modelworth.data.catalog import load_catalog
from modelworth.data.errors import InputError


def test_every_kind_is_some_work_and_every_format_has_a_name_and_bits():
    assert set(words.WORK_OF) == set(get_args(words.Kind)) - {"study"}
    assert set(words.WORK_OF.values()) == set(get_args(words.Work))
    assert set(words.SHORT) == set(words.BITS) == set(get_args(words.Precision))


def test_short_names_are_the_columns_of_the_catalogue():
    rated = {name for device in load_catalog().accelerators for name in device.matmul_flops_per_s}
    assert rated <= set(words.SHORT.values())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("bf16", "bfloat16"), ("FP16", "float16"), ("half", "float16"), ("nvfp4", "fp4")],
)
def test_spellings(typed, meant):
    assert words.precision(typed) == meant


def test_a_wrong_spelling_is_answered_with_the_nearest_and_all():
    with pytest.raises(InputError, match=r"bfloat61(?s:.)*one of fp32, .*did you mean bfloat16"):
        words.precision("bfloat61")
