"""The choice of the best point of a front inside a user's limits; pure, no files and no printing.

A point is one entry of the ``points`` of ``dse front --json``: a mapping with ``trial``, ``accuracy_validation`` and
``cost`` (totals by name).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cost_models import InputError
from cost_models.quantities import parse_quantity

Point = Mapping[str, Any]

#: The options that limit a cost, the total that each limits and its unit.
UPPER_LIMITS: Mapping[str, tuple[str, str]] = {
    "max_memory": ("memory_bytes", "bytes"),
    "max_energy": ("energy_joules", "joules"),
    "max_latency": ("latency_seconds", "seconds"),
}
ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a point may cost and must reach: ``upper`` holds the largest allowed totals by name, in SI units."""

    upper: Mapping[str, float] = field(default_factory=dict)
    min_accuracy: float | None = None

    @classmethod
    def of(
        cls,
        *,
        max_memory: str | float | None = None,
        max_energy: str | float | None = None,
        max_latency: str | float | None = None,
        min_accuracy: str | float | None = None,
    ) -> Limits:
        """Read limits as a user writes them: quantities (``"64KiB"``, ``5e-6``) and a share (``0.97``, ``"97%"``).

        >>> Limits.of(max_memory="64KiB", min_accuracy="97%")
        Limits(upper={'memory_bytes': 65536.0}, min_accuracy=0.97)
        """
        given = {"max_memory": max_memory, "max_energy": max_energy, "max_latency": max_latency}
        upper = {
            UPPER_LIMITS[option][0]: _positive(option, value, UPPER_LIMITS[option][1])
            for option, value in given.items()
            if value is not None
        }
        return cls(upper, None if min_accuracy is None else _share(min_accuracy))

    @property
    def names(self) -> tuple[str, ...]:
        """What is limited: totals by name, ``"accuracy"`` last."""
        return (*self.upper, *(() if self.min_accuracy is None else (ACCURACY,)))

    def allows(self, point: Point, *, ignoring: str | None = None) -> bool:
        """Whether the point keeps every limit, apart from the one named by ``ignoring``."""
        costs_fit = all(point["cost"][name] <= most for name, most in self.upper.items() if name != ignoring)
        if self.min_accuracy is None or ignoring == ACCURACY:
            return costs_fit
        return costs_fit and _accuracy(point) >= self.min_accuracy


@dataclass(frozen=True, slots=True)
class Reachable:
    """The best value of a limited quantity that some point has.

    ``others_kept`` tells whether that point keeps the other limits; where no point does, it is the best of all points.
    """

    name: str
    value: float
    trial: int
    others_kept: bool


def best_point(points: Sequence[Point], limits: Limits, minimize: Sequence[str] = ()) -> Point | None:
    """The best of ``points`` inside ``limits``; None where none fits.

    Without a limit on the accuracy, the highest validation accuracy wins. With one, the first of the minimised
    objectives ``minimize`` that is a cost without a limit decides (smallest wins); if each has one, the accuracy does
    after all. Ties go to the higher accuracy, then to the lower costs in the order of ``minimize``, then to the
    earlier trial.
    """
    fitting = [point for point in points if limits.allows(point)]
    if not fitting:
        return None
    costs = [name for name in minimize if name in fitting[0]["cost"]]
    free = [name for name in costs if name not in limits.upper]
    deciding = free[:1] if limits.min_accuracy is not None else []

    def order(point: Point) -> tuple[float, ...]:
        first, rest = ([point["cost"][name] for name in names] for names in (deciding, costs))
        return (*first, -_accuracy(point), *rest, point["trial"])

    return min(fitting, key=order)


def nearest_reachable(points: Sequence[Point], limits: Limits) -> tuple[Reachable, ...]:
    """For each limit the best value that a point has while it keeps the other limits.

    Where no point keeps the others, the best value of all points. Empty without points.
    """
    return tuple(_reachable(points, limits, name) for name in limits.names) if points else ()


def _reachable(points: Sequence[Point], limits: Limits, name: str) -> Reachable:
    keeping = [point for point in points if limits.allows(point, ignoring=name)]
    sign = -1.0 if name == ACCURACY else 1.0
    best = min(keeping or points, key=lambda point: (sign * _value(point, name), point["trial"]))
    return Reachable(name, _value(best, name), best["trial"], bool(keeping))


def _value(point: Point, name: str) -> float:
    value: float = _accuracy(point) if name == ACCURACY else point["cost"][name]
    return value


def _accuracy(point: Point) -> float:
    measured: float | None = point["accuracy_validation"]
    return -math.inf if measured is None else measured


def _positive(option: str, value: str | float, unit: str) -> float:
    where = "--" + option.replace("_", "-")
    try:
        quantity = parse_quantity(value, unit) if isinstance(value, str) else float(value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if not math.isfinite(quantity) or quantity < 0:
        raise InputError(f"{where} is {value!r}; it is a finite number of {unit} of at least 0")
    return quantity


def _share(value: str | float) -> float:
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise InputError(f"--min-accuracy is {text}; it is a share from 0 to 1, for example 0.97 or 97%")
    return share
