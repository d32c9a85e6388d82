"""Which pruning methods, quantisers and options of theirs a search may choose among: the table ``[space.method]``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cost_models import InputError

#: What an option of a method may be.
OptionValue = str | int | float | bool
#: The keys of ``[space.method]`` that name methods; every other key is a method's table of options.
NAMED = ("pruning", "weight_quantizer")
PREFIX = "method."


@dataclass(frozen=True, slots=True)
class MethodChoices:
    """The choices of ``[space.method]``, in the shape of ``[method]``; an empty tuple leaves the study's own in force.

    Names are unordered and keep the order given; the values of an option that is a number are in ascending order. An
    option counts only in the trials that use its method.

    >>> choices = MethodChoices(pruning=("magnitude", "admm"), options={"admm": {"rho": (0.01, 0.001)}})
    >>> choices.parameters()
    {'method.pruning': ('magnitude', 'admm'), 'method.admm.rho': (0.001, 0.01)}
    >>> choices.in_force({"method.pruning": "magnitude", "method.admm.rho": 0.01})
    {'pruning': 'magnitude'}
    """

    pruning: tuple[str, ...] = ()
    weight_quantizer: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, tuple[OptionValue, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in NAMED:
            object.__setattr__(self, name, _names(f"space.method.{name}", getattr(self, name)))
        options = {
            owner: {key: _values(f"space.method.{owner}.{key}", values) for key, values in own.items()}
            for owner, own in self.options.items()
        }
        object.__setattr__(self, "options", {owner: own for owner, own in options.items() if own})

    def __bool__(self) -> bool:
        return bool(self.pruning or self.weight_quantizer or self.options)

    def parameters(self) -> dict[str, tuple[OptionValue, ...]]:
        """The values of each parameter of the search by its name: ``method.pruning``, ``method.admm.rho``."""
        named = {PREFIX + name: getattr(self, name) for name in NAMED if getattr(self, name)}
        return named | {f"{PREFIX}{owner}.{key}": values for owner, key, values in self._options()}

    @property
    def keys(self) -> tuple[str, ...]:
        """What is chosen, by key of ``[method]``: ``pruning``, ``admm.rho``."""
        return tuple(name.removeprefix(PREFIX) for name in self.parameters())

    def combinations(self) -> Iterator[tuple[str, ...]]:
        """Every combination of the names to choose among: of a pruning method, of a quantizer, or of both."""
        return itertools.product(*(getattr(self, name) for name in NAMED if getattr(self, name)))

    def in_force(self, choices: Mapping[str, Any]) -> dict[str, OptionValue]:
        """What these values of the parameters decide, by key of ``[method]``; options of other methods are left out.

        A parameter that is not among ``choices`` has its first value.
        """
        picked = {
            name: values[nearest(values, choices[name]) if name in choices else 0]
            for name, values in self.parameters().items()
        }
        found = {name: picked[PREFIX + name] for name in NAMED if PREFIX + name in picked}
        idle = {*self.pruning, *self.weight_quantizer} - set(found.values())
        own = {f"{owner}.{key}": picked[f"{PREFIX}{owner}.{key}"] for owner, key, _ in self._options(idle)}
        return found | own

    def options_in_force(self, choices: Mapping[str, Any]) -> dict[str, dict[str, OptionValue]]:
        """The options among :meth:`in_force`, by method and key."""
        flat = self.in_force(choices)
        found: dict[str, dict[str, OptionValue]] = {}
        for owner, key, _ in self._options():
            if f"{owner}.{key}" in flat:
                found.setdefault(owner, {})[key] = flat[f"{owner}.{key}"]
        return found

    def each_value(self) -> Iterator[dict[str, OptionValue]]:
        """Choices that together bring each value of each parameter into force at least once."""
        yield {}
        for name in NAMED:
            yield from ({PREFIX + name: value} for value in getattr(self, name))
        for owner, key, values in self._options():
            chosen: dict[str, OptionValue] = {PREFIX + name: owner for name in NAMED if owner in getattr(self, name)}
            yield from (chosen | {f"{PREFIX}{owner}.{key}": value} for value in values)

    def _options(self, without: set[Any] | None = None) -> Iterator[tuple[str, str, tuple[OptionValue, ...]]]:
        for owner, own in self.options.items():
            if owner not in (without or ()):
                for key, values in own.items():
                    yield owner, key, values


def nearest(values: tuple[OptionValue, ...], value: object) -> int:
    """The index of ``value`` among ``values``: of the nearest one, as a float with a step comes back slightly off."""
    if value in values:
        return values.index(value)
    if _all_numbers(values) and isinstance(value, int | float):
        return min(range(len(values)), key=lambda index: abs(float(values[index]) - value))
    return values.index(value)


def _all_numbers(values: tuple[OptionValue, ...]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _names(where: str, values: object) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value for value in values):
        raise InputError(f"{where} is {values!r}; it is a list of names")
    return tuple(dict.fromkeys(values))


def _values(where: str, values: object) -> tuple[OptionValue, ...]:
    if not isinstance(values, list | tuple) or not values:
        raise InputError(f"{where} is {values!r}; it is a list of at least one value")
    for value in values:
        if not isinstance(value, OptionValue) or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(f"{where} has the choice {value!r}; it is a text, a finite number, true or false")
    unique = tuple({(type(value), value): value for value in values}.values())
    return tuple(sorted(set(unique), key=float)) if _all_numbers(unique) else unique
