"""Whatever stands where options, expectations or a distribution should is right or refused."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from modelworth.costmodel.scenario.distributions import is_distribution, parse
from modelworth.costmodel.scenario.expected import read_expected
from modelworth.costmodel.scenario.options import read_options
from modelworth.data.errors import InputError

WORDS = st.sampled_from([
    "low", "mode", "high", "mean", "sd", "median", "sigma", "values", "weights", "of", "normal",
    "lognormal", "discrete", "empirical", "uniform", "triangular", "pert", "value", "tolerance",
    "month", "set", "buy_api", "self_host_owned", "quality_bar", "price", "provider", "model",
    "compute", "serving", "compute.serving", "demand.accepted_share", "npv_usd", "total", "x0.5",
    "x", "xinf", "a|b", "rented|owned", "openai", "gpt-5",
])  # fmt: skip
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.integers(-3, 3), st.floats(),
    WORDS, st.text(max_size=5),
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, PLAIN), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_any_distribution_is_right_or_refused(found):
    is_distribution(found)
    with suppress(InputError):
        parse("driver", found, (0, 1))


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_any_expectation_is_right_or_refused(found):
    with suppress(InputError):
        read_expected("expected", found)


@settings(max_examples=150, deadline=None)
@given(ANYTHING)
def test_any_options_are_right_or_refused(found):
    with suppress(InputError):
        read_options("options", found)
    with suppress(InputError):
        read_options("options", {"buy_api": found})
    with suppress(InputError):
        read_options("options", {"buy_api": {"price": found, "compute": found}})
