"""What is known before any training: the costs of a configuration and whether it keeps the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from dse.search.known_cost.axes import Axes, Columns, Floats, Rows, axes_of

#: Costs of many configurations: columns by parameter name, arrays (n,), to an array (n,).
CostFunction = Callable[[Columns], Floats]
#: Limits of many configurations: to an array (n,) or (n, limits), at most zero where a limit is kept.
LimitFunction = Callable[[Columns], Floats]

#: Spaces of at most this size are looked at in full.
LISTED = 4096
_SAMPLES = 256
_BISECTIONS = 9


@dataclass(frozen=True)
class Problem:
    """The known part of a search. ``known`` maps objective indices to cost functions, ``signs`` to 1 (minimised) or -1.

    Costs are scaled so that the cheapest corner is 0 and the reference, behind which nothing is gained, is 1.
    """

    axes: Axes
    known: Mapping[int, CostFunction]
    signs: Mapping[int, float]
    limits: LimitFunction | None = None
    reference: Mapping[int, float] | None = None
    fitting: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        space: Mapping[str, BaseDistribution],
        known: Mapping[int, CostFunction],
        signs: Mapping[int, float],
        limits: LimitFunction | None = None,
        reference: Mapping[int, float] | None = None,
        fitting: Mapping[str, Any] | None = None,
    ) -> Problem:
        """The problem of an Optuna search space; ``fitting`` is a configuration that keeps the limits, if one is known.

        Raises ValueError where no configuration that fits is found.
        """

        def prices(columns: Columns) -> Floats:
            parts = [signs[index] * np.asarray(cost(columns), dtype=float) for index, cost in known.items()]
            if limits is not None:
                parts += list(_as_table(limits(columns)).T)
            scaled = [part / (np.ptp(part) or 1.0) for part in parts]
            total: Floats = np.sum(scaled, axis=0) if scaled else np.zeros(len(next(iter(columns.values()))))
            return total

        return cls(axes_of(space, prices), known, signs, limits, reference, fitting)

    def raw_costs(self, rows: Rows) -> Floats:
        """Each known cost in its own unit, to be minimised (n, costs)."""
        columns = self.axes.columns(rows)
        if not self.known:
            return np.zeros((len(rows), 0))
        costs = [self.signs[index] * np.asarray(cost(columns), dtype=float) for index, cost in self.known.items()]
        return np.stack(costs, axis=1)

    def costs(self, rows: Rows) -> Floats:
        """Each known cost on the common scale (n, costs)."""
        return self.scaled(self.raw_costs(rows))

    def scaled(self, raw: Floats) -> Floats:
        """Costs on the common scale."""
        low, high = self._range
        return (raw - low) / (high - low)

    def scaled_error(self, raw: Floats, relative: Mapping[int, float]) -> Floats:
        """The standard deviation on the common scale of costs that err by a share of themselves (n, costs)."""
        low, high = self._range
        return np.abs(raw) * [relative.get(index, 0.0) for index in self.known] / (high - low)

    def excess(self, rows: Rows) -> Floats:
        """The largest of the limits' values (n,): at most zero where all are kept."""
        if self.limits is None:
            return np.full(len(rows), -np.inf)
        worst: Floats = _as_table(self.limits(self.axes.columns(rows))).max(axis=1)
        return worst

    def fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each row keeps every limit."""
        return self.excess(rows) <= 0.0

    @cached_property
    def corner(self) -> Rows:
        """A row that keeps the limits: the cheapest level of each axis, improved axis by axis if need be.

        Where that ends at a row that does not fit, the given one is taken, or the best of a space that can be listed.
        """
        row = np.zeros(len(self.axes), dtype=np.intp)
        excess = self.excess(row[None, :])[0]
        improved = True
        while excess > 0 and improved:
            options = np.concatenate([self._variants(row, index) for index in range(len(row))])
            found = self.excess(options)
            improved = bool(found.min() < excess)
            row, excess = options[int(np.argmin(found))], found.min()
        if excess > 0 and self.fitting is not None:
            row = self.axes.row(self.fitting)
            excess = self.excess(row[None, :])[0]
        if excess > 0 and self.axes.size <= LISTED:
            every = self.axes.all_rows()
            found = self.excess(every)
            row, excess = every[int(np.argmin(found))], found.min()
        if excess > 0:
            raise ValueError("no configuration of the search space that keeps the constraints was found")
        return row

    @cached_property
    def dearest(self) -> Rows:
        """The row with the dearest level of every axis, whether it fits or not."""
        return np.where(self.axes.monotone, self.axes.sizes - 1, self.corner)

    def repaired(self, rows: Rows, weights: Floats) -> Rows:
        """Rows moved towards the cheap end until they keep the limits, along ``weights`` (n, axes), all at once.

        The smallest of nine bisection steps (in the logarithm) that fits is taken; rows that fit stay as they are.
        """
        broken = np.flatnonzero(~self.fits(rows))
        if not len(broken):
            return rows
        generosity, weights = self.axes.generosity(rows[broken]), weights[broken] * self.axes.monotone
        ends = np.where(self.axes.monotone, 0, self.corner)
        smallest = np.where(weights > 0, weights, np.inf).min(axis=1, initial=np.inf)
        low, high = np.full(len(broken), 1e-3), np.clip(1.0 / smallest, 1e-3, 1e6)  # at high all is cheapest
        best = np.repeat(ends[None, :], len(broken), axis=0)
        found = np.zeros(len(broken), dtype=bool)
        fixed = rows[broken]
        for _ in range(_BISECTIONS):
            middle = np.sqrt(low * high)
            moved = self.axes.nearest(np.clip(generosity - middle[:, None] * weights, 0.0, 1.0))
            moved = np.where(self.axes.monotone & (weights > 0), moved, fixed)
            fits = self.fits(moved)
            best[fits], found = moved[fits], found | fits
            high, low = np.where(fits, middle, high), np.where(fits, low, middle)
        if not found.all():
            best[~found] = np.where(self.fits(best[~found])[:, None], best[~found], self.corner)
        result = rows.copy()
        result[broken] = best
        return result

    @cached_property
    def _range(self) -> tuple[Floats, Floats]:
        """The cheapest corner's costs, and the reference: the given one, or the dearest that keeps the limits."""
        generator = np.random.default_rng(0)
        rows = self.axes.random(_SAMPLES, generator)
        dear = np.where(self.axes.monotone & (generator.random(rows.shape) < 0.7), self.axes.sizes - 1, rows)
        dear = np.concatenate([self.dearest[None, :], dear, rows])
        if not self.known:
            return np.zeros(0), np.ones(0)
        low = self.raw_costs(self.corner[None, :])[0]
        high = self.raw_costs(self.repaired(dear, 0.05 + generator.exponential(size=dear.shape))).max(axis=0)
        if self.reference:
            given = [self.signs[index] * self.reference.get(index, np.nan) for index in self.known]
            high = np.where(np.isnan(given), high, given)
        return low, np.where(high > low, high, low + 1.0)

    def _variants(self, row: Rows, index: int) -> Rows:
        rows = np.repeat(row[None, :], self.axes.sizes[index], axis=0)
        rows[:, index] = np.arange(self.axes.sizes[index])
        return rows


def _as_table(limits: Floats) -> Floats:
    table = np.asarray(limits, dtype=float)
    return table[:, None] if table.ndim == 1 else table
