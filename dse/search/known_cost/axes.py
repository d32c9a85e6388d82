"""The parameters of a search as ordered levels: what each one means for the cost, its layer and its role."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

#: Levels that a parameter without a step, or with very many numbers, is reduced to.
MOST_LEVELS = 65
_GRID = 4096

#: "monotone": a dearer level does not hurt accuracy; "free": ordered, but costs nothing; "unordered": names.
Kind = Literal["monotone", "free", "unordered"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter: its levels, the cheapest first where it has an order.

    ``generosity`` (levels,) is in [0, 1], spaced as the numbers are. ``layer`` is None for a parameter without
    siblings: it is about the whole network.
    """

    name: str
    levels: tuple[Any, ...]
    generosity: tuple[float, ...]
    kind: Kind
    layer: str | None
    role: str

    def level(self, value: Any) -> int:
        """The level of a value; the nearest one for a number that is none of them."""
        if value in self.levels:
            return self.levels.index(value)
        if not isinstance(value, int | float):
            return 0
        return int(np.argmin([abs(float(level) - value) for level in self.levels]))

    def turned(self) -> Axis:
        """The same parameter with its levels in the other order."""
        return replace(
            self, levels=self.levels[::-1], generosity=tuple(1.0 - value for value in reversed(self.generosity))
        )


@dataclass(frozen=True)
class Axes:
    """All parameters. A row (axes,) holds one level for each; rows (n, axes) are many configurations."""

    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return len(self.axes)

    @cached_property
    def sizes(self) -> Rows:
        """The number of levels of each axis."""
        return np.array([len(axis.levels) for axis in self.axes], dtype=np.intp)

    @cached_property
    def monotone(self) -> NDArray[np.bool_]:
        """Which axes trade cost for accuracy."""
        return np.array([axis.kind == "monotone" for axis in self.axes], dtype=bool)

    @cached_property
    def size(self) -> int:
        """The number of configurations."""
        return math.prod(self.sizes.tolist())

    @cached_property
    def _tables(self) -> tuple[list[NDArray[Any]], Floats, NDArray[np.uint64]]:
        table = np.zeros((len(self), max(self.sizes.tolist(), default=1)))
        for index, axis in enumerate(self.axes):
            table[index, : len(axis.levels)] = axis.generosity
            table[index, len(axis.levels) :] = np.inf
        odd = np.random.default_rng(0).integers(1, 2**62, len(self), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        return [_column(axis.levels) for axis in self.axes], table, odd

    def columns(self, rows: Rows) -> Columns:
        """The values of each parameter, an array (n,) by name: what known costs are called with."""
        values = self._tables[0]
        return {axis.name: values[index][rows[:, index]] for index, axis in enumerate(self.axes)}

    def choices(self, row: Rows) -> dict[str, Any]:
        """The value of each parameter at one row, as the distribution has it."""
        return {axis.name: axis.levels[level] for axis, level in zip(self.axes, row.tolist(), strict=True)}

    @cached_property
    def _levels(self) -> list[tuple[str, dict[Any, int]]]:
        return [(axis.name, {level: index for index, level in enumerate(axis.levels)}) for axis in self.axes]

    def row(self, choices: Mapping[str, Any]) -> Rows:
        """The row of these values."""
        try:
            found = [levels[choices[name]] for name, levels in self._levels]
        except (KeyError, TypeError):  # a number between two levels, or a value that has no hash
            found = [axis.level(choices[axis.name]) for axis in self.axes]
        return np.array(found, dtype=np.intp)

    @cached_property
    def compressions(self) -> Floats:
        """1 - generosity of each axis's levels (axes, most levels); 0 behind the last level."""
        table = self._tables[1]
        compressions: Floats = np.where(np.isfinite(table), 1.0 - table, 0.0)
        return compressions

    def generosity(self, rows: Rows) -> Floats:
        """The generosity of each level (n, axes)."""
        table = self._tables[1]
        generosity: Floats = np.take(table, rows + np.arange(len(self)) * table.shape[1])
        return generosity

    def nearest(self, generosity: Floats) -> Rows:
        """The rows whose generosities are nearest to these (n, axes), which are in [0, 1]."""
        places = np.rint(generosity * _GRID).astype(np.intp) + np.arange(len(self)) * (_GRID + 1)
        return np.take(self._nearest, places)

    @cached_property
    def _nearest(self) -> Rows:
        """The nearest level of each axis for generosities on a fine grid (axes, grid)."""
        grid = np.linspace(0.0, 1.0, _GRID + 1)
        found = [np.abs(np.array(axis.generosity)[:, None] - grid).argmin(axis=0) for axis in self.axes]
        return np.array(found, dtype=np.intp).reshape(len(self), _GRID + 1)

    def keys(self, rows: Rows) -> NDArray[np.uint64]:
        """A hash of each row, to find repeats among many."""
        keys: NDArray[np.uint64] = (rows.astype(np.uint64) * self._tables[2]).sum(axis=1, dtype=np.uint64)
        return keys

    def random(self, count: int, generator: np.random.Generator) -> Rows:
        """``count`` rows drawn uniformly."""
        return generator.integers(0, self.sizes, size=(count, len(self)), dtype=np.intp)

    def all_rows(self) -> Rows:
        """Every configuration, for a space that is small."""
        grids = np.meshgrid(*(np.arange(size) for size in self.sizes), indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1).astype(np.intp)


def axes_of(space: Mapping[str, BaseDistribution], price: Callable[[Columns], Floats]) -> Axes:
    """The axes of an Optuna search space; ``price`` (n,) tells which end of a parameter is the dear one.

    Numbers are ordered, names are not. A parameter is priced at both ends with all others in the middle; one that does
    not change the price is free.
    """
    placed = dict(zip(space, _places(tuple(space)), strict=True))
    axes = Axes(tuple(_axis(name, distribution, *placed[name]) for name, distribution in space.items()))
    middle = axes.sizes // 2
    ends = np.repeat(middle[None, :], 2 * len(axes), axis=0)
    for index, size in enumerate(axes.sizes.tolist()):
        ends[2 * index, index], ends[2 * index + 1, index] = 0, size - 1
    prices = price(axes.columns(ends)).reshape(-1, 2)
    return Axes(tuple(map(_directed, axes.axes, (prices[:, 1] - prices[:, 0]).tolist())))


def _directed(axis: Axis, rise: float) -> Axis:
    if axis.kind == "unordered":
        return axis
    if rise == 0.0:
        return replace(axis, kind="free")
    return axis if rise > 0 else axis.turned()


def _axis(name: str, distribution: BaseDistribution, layer: str | None, role: str) -> Axis:
    levels = levels_of(distribution)
    if not all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels):
        return Axis(name, levels, tuple(np.linspace(0.0, 1.0, len(levels)).tolist()), "unordered", None, name)
    levels = tuple(sorted(levels))
    numbers = np.array(levels, dtype=float)
    if getattr(distribution, "log", False):
        numbers = np.log(numbers)
    span = numbers[-1] - numbers[0]
    generosity = (numbers - numbers[0]) / span if span > 0 else np.ones(1)
    return Axis(name, levels, tuple(generosity.tolist()), "monotone", layer, role)


def _column(levels: Sequence[Any]) -> NDArray[Any]:
    """Levels as an array (n,) of themselves: numpy would turn mixed ones into text and tuples into a table."""
    numbers = all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)
    if numbers or {type(level) for level in levels} in ({str}, {bool}):
        return np.array(levels)
    column = np.empty(len(levels), dtype=object)
    for place, level in enumerate(levels):
        column[place] = level
    return column


def levels_of(distribution: BaseDistribution) -> tuple[Any, ...]:
    """The values of one distribution; at most :data:`MOST_LEVELS` evenly spread ones of a range of numbers."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = distribution.low, distribution.high
    if distribution.single():
        return (distribution.to_external_repr(low),)
    if distribution.step is not None and not distribution.log:
        count = math.floor((high - low) / distribution.step + 1e-9) + 1
        places = np.unique(np.linspace(0, count - 1, min(count, MOST_LEVELS)).round()).tolist()
        stored = [distribution.to_internal_repr(low + place * distribution.step) for place in places]
    else:
        spread = np.geomspace if distribution.log else np.linspace
        stored = spread(low, high, MOST_LEVELS).clip(low, high).tolist()
        if isinstance(distribution, IntDistribution):
            stored = sorted(set(np.round(stored).tolist()))
    return tuple(distribution.to_external_repr(min(value, high)) for value in stored)


def _places(names: Sequence[str]) -> list[tuple[str | None, str]]:
    """Layer and role of each name: what siblings share is the role; a name without siblings belongs to no layer."""
    split = [split_name(name) for name in names]
    members = Counter(role for layer, role in split if layer is not None)
    return [
        (layer, role) if layer is not None and members[role] > 1 else (None, name)
        for name, (layer, role) in zip(names, split, strict=True)
    ]


def split_name(name: str) -> tuple[str | None, str]:
    """Layer and role in a parameter's name.

    >>> split_name("conv1/weight_bits"), split_name("bits_12"), split_name("fc1_bits"), split_name("steps")
    (('conv1', 'weight_bits'), ('12', 'bits'), ('fc1', 'bits'), (None, 'steps'))
    """
    for separator in ("/", ":", "."):
        layer, _, role = name.rpartition(separator)
        if layer and role:
            return layer, role
    numbered = re.fullmatch(r"(.*\D?)(?<!\d)(\d+)", name)
    if numbered and numbered[1].rstrip("_"):
        return numbered[2], numbered[1].rstrip("_")
    layer, _, role = name.rpartition("_")
    return (layer, role) if layer and role else (None, name)
