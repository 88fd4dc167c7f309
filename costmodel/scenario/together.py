"""What can only be seen between drivers: pairs that contradict each other."""

from __future__ import annotations

from collections.abc import Callable

from modelworth.data.errors import InputError


def check_together(number: Callable[[str], float], months: int, at: Callable[[str], str]) -> None:
    """Refuse drivers that can't hold together.

    Args:
        number: a driver's value in the base case.
        months: the horizon.
        at: the path of a driver as errors show it.

    Raises:
        InputError: for the first contradiction.
    """
    life = min(
        number("compute.service_life_years"),
        number("compute.changed_life_years"),
    )
    changes = number("compute.life_change_month")
    if changes > 12 * life:
        raise InputError(
            at("compute.life_change_month"), f"{changes:g}",
            f"at most the shorter life of {12 * life:g} months: nothing may have left before",
        )  # fmt: skip
    retired = number("compute.retired_after_months")
    if changes and retired:
        raise InputError(
            at("compute.retired_after_months"), f"{retired:g}",
            "0 where compute.life_change_month changes the life: one of the two",
        )  # fmt: skip
    low = number("verdict.not_viable_probability")
    high = number("verdict.viable_probability")
    if low > high:
        raise InputError(
            at("verdict.not_viable_probability"), low, f"at most the viable one, {high:g}"
        )
    if number("building.months_to_market") >= months:
        raise InputError(
            at("building.months_to_market"),
            f"{number('building.months_to_market'):g}",
            f"less than the {months} months of the horizon",
        )
