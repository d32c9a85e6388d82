"""What may be proposed: the choices for each layer, for the number of time steps and for the method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cost_models import Configuration, InputError, Workload, check_bits, unknown_name
from cost_models.errors import check_count, check_share
from studies.method_choices import MethodChoices, OptionValue

#: What two trials that repeat each other have in common: the configuration, and what was chosen about the method.
Identity = tuple[Configuration, tuple[tuple[str, OptionValue], ...]]

#: Longest list of choices for one parameter; more is a slip in a step, not a design space.
MOST_CHOICES = 1000


@dataclass(frozen=True, slots=True)
class Choices:
    """The allowed values of one parameter in ascending order; a single one is fixed.

    Duplicates are dropped. Raises :class:`InputError` where there is no value at all.

    >>> Choices((8, 2, 4)).values
    (2, 4, 8)
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        values = tuple(self.values)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"a choice is {value!r}; it is a finite number")
        object.__setattr__(self, "values", tuple(sorted(set(values))))
        if not self.values:
            raise InputError("a list of choices is empty; it needs at least one value")
        if len(self.values) > MOST_CHOICES:
            raise InputError(f"there are {len(self.values)} choices; at most {MOST_CHOICES} are allowed")

    @classmethod
    def from_range(cls, low: float, high: float, step: float) -> Choices:
        """Write out ``low``, ``low + step``, ... up to the last value that is not above ``high``.

        >>> Choices.from_range(0.0, 0.3, 0.1).values
        (0.0, 0.1, 0.2, 0.3)
        """
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(step)):
            raise InputError(f"a range from {low!r} to {high!r} in steps of {step!r} has no end")
        if step <= 0:
            raise InputError(f"the step of a range is {step!r}; it is above 0")
        if high < low:
            raise InputError(f"a range goes from {low!r} to {high!r}; its low end must not be above its high end")
        ratio = (high - low) / step
        if ratio > MOST_CHOICES:
            raise InputError(f"a range from {low!r} to {high!r} in steps of {step!r} has over {MOST_CHOICES} values")
        steps = math.floor(ratio + 1e-9)
        if isinstance(low, int) and isinstance(step, int):
            return cls(tuple(low + step * index for index in range(steps + 1)))
        # Ten digits take away the dust of binary fractions: 0.15000000000000002 reads 0.15.
        return cls(tuple(round(low + step * index, 10) for index in range(steps + 1)))

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self.values) == 1

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, value: object) -> bool:
        return value in self.values


def _check_time_steps(where: str, value: float) -> float:
    whole = isinstance(value, float) and value.is_integer()
    return check_count(where, int(value) if whole else value, at_least=1)  # type: ignore[arg-type]


_CHECKS: dict[str, Callable[[str, float], float]] = {
    "pruning_ratio": check_share,
    "weight_bits": check_bits,
    "membrane_bits": check_bits,
    "time_steps": _check_time_steps,
}


def check_choices(where: str, parameter: str, values: Iterable[float]) -> Choices:
    """The choices for ``parameter`` ("weight_bits", ...); :class:`InputError` naming ``where`` if one is not allowed.

    >>> check_choices("space.weight_bits", "weight_bits", [4.0, 8]).values
    (4, 8)
    """
    check = _CHECKS[parameter]
    return Choices(tuple(check(where, value) for value in values))


@dataclass(frozen=True, slots=True)
class LayerChoices:
    """The choices for one layer; None leaves the general ones of the space in force."""

    pruning_ratio: Choices | None = None
    weight_bits: Choices | None = None
    membrane_bits: Choices | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            choices = getattr(self, item.name)
            if choices is not None:
                object.__setattr__(self, item.name, check_choices(item.name, item.name, choices.values))


@dataclass(frozen=True, slots=True)
class DesignSpace:
    """The choices for every layer, with overrides by layer name, and those for the whole network."""

    pruning_ratio: Choices = Choices((0.0,))
    weight_bits: Choices = Choices((32,))
    membrane_bits: Choices = Choices((32,))
    time_steps: Choices = Choices((4,))
    layers: Mapping[str, LayerChoices] = field(default_factory=dict)
    method: MethodChoices = MethodChoices()

    def __post_init__(self) -> None:
        for name in _CHECKS:
            object.__setattr__(self, name, check_choices(f"space.{name}", name, getattr(self, name).values))
        object.__setattr__(self, "layers", dict(self.layers))

    def for_layer(self, name: str) -> dict[str, Choices]:
        """The choices in force for one layer: ``pruning_ratio``, ``weight_bits`` and ``membrane_bits``."""
        own = self.layers.get(name, LayerChoices())
        return {
            "pruning_ratio": own.pruning_ratio or self.pruning_ratio,
            "weight_bits": own.weight_bits or self.weight_bits,
            "membrane_bits": own.membrane_bits or self.membrane_bits,
        }

    def identity(self, configuration: Configuration, choices: Mapping[str, Any]) -> Identity:
        """What makes a trial a new one; ``choices`` are the values of the search's parameters by name."""
        return configuration, tuple(self.method.in_force(choices).items())

    def contains(self, configuration: Configuration) -> bool:
        """Whether every value of ``configuration`` is among the choices; None as membrane bits always is."""
        for budget in configuration.budgets:
            choices = self.for_layer(budget.layer)
            if budget.pruning_ratio not in choices["pruning_ratio"] or budget.weight_bits not in choices["weight_bits"]:
                return False
            if budget.membrane_bits is not None and budget.membrane_bits not in choices["membrane_bits"]:
                return False
        return configuration.time_steps in self.time_steps

    def check_against(self, workload: Workload) -> None:
        """Raise :class:`InputError` where an override names a layer that ``workload`` lacks or cannot compress."""
        compressible = {layer.name: layer for layer in workload.compressible}
        for name, choices in self.layers.items():
            if name not in compressible:
                raise InputError("space.layer: " + unknown_name("layer", name, compressible))
            if choices.membrane_bits is not None and not compressible[name].neurons:
                raise InputError(
                    f"space.layer.{name}.membrane_bits: no spiking neuron follows layer {name!r}; leave the key out"
                )
