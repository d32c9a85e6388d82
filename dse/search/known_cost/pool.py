"""The candidates of one proposal: random ones, children of the front, and steps uphill; all keep the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.search.known_cost.axes import Floats, Rows
from dse.search.known_cost.problem import LISTED, Problem

#: The expected gain of each row (n,).
Score = Callable[[Rows], Floats]

_RANDOM, _CHILDREN, _GRANDCHILDREN, _GENERATIONS = 300, 900, 450, 3
_PARENTS, _CLIMBERS, _CLIMBS, _EXCHANGES = 30, 2, 6, 150
_RATES = (1.0, 2.0, 5.0)
_LONG, _FAR, _NEAR = 6, 5, 2


@dataclass
class Pool:
    """Looks for the row with the largest score among those that fit and are not ``taken``."""

    problem: Problem
    taken: NDArray[np.uint64]
    sensitivities: Floats
    generator: np.random.Generator

    def best(self, front: Rows, score: Score) -> Rows | None:
        """The best row found; None if none is left: all of a small space, or all that random ones are repaired to."""
        if self.problem.axes.size <= LISTED:
            rows = self._new(self.problem.axes.all_rows())
            return self._first(rows, score(rows)) if len(rows) else None
        rows = self.problem.axes.random(_RANDOM, self.generator)
        rows = self._new(np.concatenate([rows, self._children(front, _CHILDREN)]) if len(front) else rows)
        if not len(rows):
            return None
        values = score(rows)
        for _ in range(_GENERATIONS):
            parents = rows[np.argsort(-values, kind="stable")[:_PARENTS]]
            children = self._new(self._children(parents, _GRANDCHILDREN), rows)
            rows, values = np.concatenate([rows, children]), np.concatenate([values, score(children)])
        return self._climbed(rows, values, score)

    def any(self) -> Rows:
        """A random row that fits; one that is not taken, where random rows and small spaces have one."""
        axes = self.problem.axes
        rows = axes.all_rows() if axes.size <= LISTED else axes.random(_RANDOM, self.generator)
        new = self._new(rows)
        if not len(new):
            new = self.problem.repaired(axes.random(1, self.generator), self._weights(1))
        return self._drawn(new)

    def _climbed(self, rows: Rows, values: Floats, score: Score) -> Rows | None:
        """Steepest ascent from the best few rows over single steps and exchanges."""
        if not len(rows):
            return None
        for _ in range(_CLIMBS):
            top = np.argsort(-values, kind="stable")[:_CLIMBERS]
            around = self._new(np.concatenate([self._around(rows[index]) for index in top]), rows, repair=False)
            if not len(around):
                break
            found = score(around)
            if found.max() <= values[top[0]]:
                break
            rows, values = np.concatenate([rows[top], around]), np.concatenate([values[top], found])
        return self._first(rows, values)

    def _first(self, rows: Rows, values: Floats) -> Rows:
        best: Rows = rows[int(np.argmax(values))]
        return best if values.max() > 0.0 else self._drawn(rows)

    def _drawn(self, rows: Rows) -> Rows:
        row: Rows = rows[int(self.generator.integers(len(rows)))]
        return row

    def _new(self, rows: Rows, known: Rows | None = None, repair: bool = True) -> Rows:
        """The rows that fit, each once, without those taken or known."""
        axes = self.problem.axes
        repaired = repair and axes.size > LISTED
        if repaired:
            rows = self.problem.repaired(rows, self._weights(len(rows)))
        keys, places = np.unique(axes.keys(rows), return_index=True)
        gone = self.taken if known is None else np.concatenate([self.taken, axes.keys(known)])
        rows = rows[np.sort(places[~np.isin(keys, gone)])]
        return rows if repaired or not len(rows) else rows[self.problem.fits(rows)]

    def _weights(self, count: int) -> Floats:
        """How fast each axis gives way in a repair: at random, in most rows the insensitive ones first."""
        weights = self.generator.exponential(size=(count, len(self.problem.axes))) + 0.02
        known = self.sensitivities > 0
        if known.any():
            relative = np.log(np.where(known, self.sensitivities, 1.0) / np.median(self.sensitivities[known]))
            eased = weights * np.exp(-np.clip(np.where(known, relative, 0.0), -2.0, 2.0))
            weights = np.where(self.generator.random((count, 1)) < 0.6, eased, weights)
        layered = np.array([axis.layer is not None for axis in self.problem.axes.axes])
        keep_wide = self.generator.random((count, 1)) < 0.8
        return np.where(layered | ~keep_wide | (not layered.any()), weights, 0.0)

    def _children(self, parents: Rows, count: int) -> Rows:
        axes, generator = self.problem.axes, self.generator
        width = len(axes)
        first, second = parents[generator.integers(len(parents), size=(2, count))]
        mixed = (generator.random((count, 1)) < 0.5) & (generator.random((count, width)) < 0.5)
        rows = np.where(mixed, second, first)
        rate = np.array(_RATES)[generator.integers(len(_RATES), size=(count, 1))] / width
        far = np.where(axes.sizes > _LONG, _FAR, _NEAR)
        steps = np.ceil(generator.random((count, width)) * far).astype(np.intp)
        steps *= generator.choice([-1, 1], size=(count, width))
        moved = np.where(generator.random((count, width)) < rate, rows + steps, rows)
        rows = np.where(self._unordered, rows, np.clip(moved, 0, axes.sizes - 1))
        rows = np.where(
            self._unordered & (generator.random((count, width)) < rate), axes.random(count, generator), rows
        )
        rows = self._exchanged(rows, generator.random(count) < 0.35)
        return self._tied(rows, generator.random(count) < 0.1)

    @property
    def _unordered(self) -> NDArray[np.bool_]:
        return np.array([axis.kind == "unordered" for axis in self.problem.axes.axes], dtype=bool)

    def _exchanged(self, rows: Rows, which: NDArray[np.bool_]) -> Rows:
        """One axis gives and another gets 0.1 to 0.3 of generosity, at least one level."""
        axes, generator = self.problem.axes, self.generator
        ordered = np.flatnonzero(axes.monotone)
        places = np.flatnonzero(which)
        if len(ordered) < 2 or not len(places):
            return rows
        rows = rows.copy()
        for sign in (-1, 1):
            index = generator.choice(ordered, len(places))
            share = generator.uniform(0.1, 0.3, len(places))
            levels = np.maximum(np.round(share * (axes.sizes[index] - 1)), 1).astype(np.intp)
            rows[places, index] = np.clip(rows[places, index] + sign * levels, 0, axes.sizes[index] - 1)
        return rows

    def _tied(self, rows: Rows, which: NDArray[np.bool_]) -> Rows:
        """All layers move one level in one role, or all roles of one layer do."""
        axes = self.problem.axes.axes
        groups = [
            np.array([getattr(axis, tie) == name for axis in axes])
            for tie in ("role", "layer")
            for name in dict.fromkeys(getattr(axis, tie) for axis in axes if axis.layer is not None)
        ]
        places = np.flatnonzero(which)
        if not groups or not len(places):
            return rows
        rows = rows.copy()
        group = np.array(groups)[self.generator.integers(len(groups), size=len(places))] & self.problem.axes.monotone
        sign = self.generator.choice([-1, 1], size=(len(places), 1))
        rows[places] = np.clip(rows[places] + sign * group, 0, self.problem.axes.sizes - 1)
        return rows

    def _around(self, row: Rows) -> Rows:
        """All single steps from one row, and random exchanges."""
        axes = self.problem.axes
        width = len(axes)
        steps = np.concatenate([row + np.eye(width, dtype=np.intp), row - np.eye(width, dtype=np.intp)])
        rows = [np.clip(steps, 0, axes.sizes - 1)]
        for index in np.flatnonzero(self._unordered).tolist():
            other = np.repeat(row[None, :], axes.sizes[index], axis=0)
            other[:, index] = np.arange(axes.sizes[index])
            rows.append(other)
        rows.append(self._exchanged(np.repeat(row[None, :], _EXCHANGES, axis=0), np.ones(_EXCHANGES, dtype=bool)))
        return np.concatenate(rows)
