"""The one error that users meet, and the range checks that the domain types share."""

from __future__ import annotations

import math


class InputError(ValueError):
    """The user's input is wrong: one sentence that says where, what is wrong and what would be right.

    The command line prints the sentence and exits with code 2; anything else that is raised is our own failure.
    """


def check_share(where: str, value: float) -> float:
    """Return ``value`` if it is a share in [0, 1); raise :class:`InputError` naming ``where`` otherwise.

    >>> check_share("conv1: pruning_ratio", 0.5)
    0.5
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 <= value < 1.0:
        raise InputError(f"{where} is {value!r}; it is a share from 0 up to, but not including, 1")
    return float(value)


def check_count(where: str, value: int, *, at_least: int = 0) -> int:
    """Return ``value`` if it is a whole number of at least ``at_least``; raise :class:`InputError` otherwise.

    >>> check_count("time_steps", 4, at_least=1)
    4
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InputError(f"{where} is {value!r}; it is a whole number of at least {at_least}")
    return value


def check_density(where: str, value: float) -> float:
    """Return ``value`` if it is a finite number in [0, 1]; raise :class:`InputError` otherwise.

    >>> check_density("conv1: input_density", 1)
    1.0
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise InputError(f"{where} is {value!r}; it is a share from 0 to 1")
    return float(value)
