"""Hard limits before any training: the cheapest configurations, the gate for proposals, a draw that always fits.

All numbers come from the cost model with the densities of the workload that is handed in: exact for memory, weights
and counts; for energy, latency and operations they are those of that activity and are judged again after training.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from cost_models import (
    CostReport,
    HardwareProfile,
    Layer,
    Workload,
    estimate_many,
    format_quantity,
    losing,
)
from dse.search.additive_costs import AdditiveCost
from dse.search.suggest import TIME_STEPS, Indices, SearchSpace
from studies import OBJECTIVES, cost_value
from studies.design_space import Identity

#: Spaces up to this size are listed in full when the search has run out of new configurations.
LISTED_SPACE = 100_000
MEMORY = "memory_bytes"
_DRAWS = 200
_WEIGHING_ROUNDS = 40


@dataclass(frozen=True)
class _LayerChoices:
    """All choices of one layer: index rows that differ in its ``own`` parameters only, and what they cost alone."""

    layer: Layer
    own: list[int]
    rows: Indices
    costs: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class CostGate:
    """Judges configurations of one space by their cost on one hardware profile; ``limits`` are in SI units.

    With ``skips_losing`` a configuration with a layer that is pruned and yet slower or larger than dense fits no limit,
    whatever it costs.
    """

    space: SearchSpace
    workload: Workload
    hardware: HardwareProfile
    limits: Mapping[str, float]
    skips_losing: bool = False

    def costs(self, rows: Indices) -> dict[str, NDArray[np.float64]]:
        """Each limited cost of the configurations at index rows (n, free parameters); one (n,) array for each."""
        return self.totals(rows, tuple(self.limits))

    def additive(self, name: str) -> AdditiveCost | None:
        """A cost under this activity as a sum over layers, to look up; None where it is none."""
        if name not in self._additive:
            price = partial(self._total, name)
            self._additive[name] = None if self.skips_losing else AdditiveCost.of(self.space, price)
        return self._additive[name]

    @cached_property
    def _additive(self) -> dict[str, AdditiveCost | None]:
        return {}

    def _total(self, name: str, rows: Indices) -> NDArray[np.float64]:
        return np.asarray(self.totals(rows, (name,))[name], dtype=float)

    def excesses(self, row: Indices) -> dict[str, float]:
        """Cost / limit - 1 by name for one index row: at most zero where the limit is kept."""
        return {name: float(cost[0]) / self.limits[name] - 1.0 for name, cost in self.costs(row[None, :]).items()}

    def fits(self, rows: Indices) -> NDArray[np.bool_]:
        """Whether each index row keeps every limit."""
        fits = np.ones(len(rows), dtype=bool)
        if self.skips_losing and not self.limits:
            fits &= ~self.loses(rows)
        for name, cost in self.costs(rows).items() if self.limits else ():
            fits &= cost <= self.limits[name]
        return fits

    def loses(self, rows: Indices) -> NDArray[np.bool_]:
        """Whether each index row is skipped for a layer that is pruned and yet slower or larger than dense."""
        return np.isinf(self.totals(rows, (MEMORY,))[MEMORY])

    @cached_property
    def corner(self) -> Indices | None:
        """An index row that keeps every limit; None if none is found. In a small space all rows are looked at."""
        weights = {name: 1.0 / limit for name, limit in self.limits.items()}
        if self.skips_losing and not weights:
            weights = {MEMORY: 1.0}
        rows = (self.cheapest(weights), *(self.cheapest({name: 1.0}) for name in self.limits))
        for row in itertools.chain(rows, (row for row, _ in self.weighed(self.limits))):
            if self.fits(row[None, :])[0]:
                return row
        every = self.every_row()
        fitting = every[self.fits(every)]
        return fitting[0] if len(fitting) else None

    def weighed(self, limits: Mapping[str, float]) -> Iterator[tuple[Indices, float]]:
        """Rows that come ever nearer to keeping all ``limits``, each with a bound on what any row can reach.

        Where costs are weighed by positive numbers of sum 1, the smallest weighted sum of cost / limit in the space is
        at most the largest cost / limit of any row (Lagrangian duality): above 1, the limits cannot be kept together.
        In each round the limits that are broken most gain weight (multiplicative weights).
        """
        names = tuple(limits)
        shares = np.full(len(names), 1.0 / max(len(names), 1))
        for step in range(_WEIGHING_ROUNDS if len(names) > 1 else 0):
            row = self.cheapest({name: share / limits[name] for name, share in zip(names, shares, strict=True)})
            costs = self.totals(row[None, :], names)
            ratios = np.array([float(costs[name][0]) / limits[name] for name in names])
            yield row, float(shares @ ratios)
            shares = shares * np.exp(2.0 / np.sqrt(1.0 + step) * (ratios / ratios.max() - 1.0))
            shares /= shares.sum()

    def every_row(self) -> Indices:
        """All rows of a space of at most :data:`LISTED_SPACE` configurations; none of a larger one."""
        if self.space.size > LISTED_SPACE:
            return np.zeros((0, len(self.space.free)), dtype=np.intp)
        return np.array(list(itertools.product(*(range(len(p.values)) for p in self.space.free))), dtype=np.intp)

    def cheapest(self, weights: Mapping[str, float]) -> Indices:
        """The index row with the smallest weighted sum of costs.

        Costs are sums over layers, so each layer is minimised on its own for every number of time steps: all of its
        choices are priced alone in one call. Layers share whether the whole network fits into on-chip memory, so the
        best of these rows is then improved parameter by parameter under the whole cost.
        """
        rows = np.array(list(self._cheapest_by_time_steps(weights)), dtype=np.intp)
        row: Indices = rows[self._cheapest_of(rows, weights)]
        improved = True
        while improved:
            options = np.concatenate([row[None, :], *(self._variants(row, index) for index in range(len(row)))])
            best = self._cheapest_of(options, weights)
            improved = best > 0  # of equally cheap rows the first one is taken
            row = options[best]
        return row

    def _cheapest_of(self, rows: Indices, weights: Mapping[str, float]) -> int:
        return int(np.argmin(_weighted(self.totals(rows, tuple(weights)), weights)))

    def _variants(self, row: Indices, index: int) -> Indices:
        count = len(self.space.free[index].values)
        rows = np.repeat(row[None, :], count, axis=0)
        rows[:, index] = np.arange(count)
        return rows

    def _cheapest_by_time_steps(self, weights: Mapping[str, float]) -> Iterator[Indices]:
        for start, layers in self._layer_choices:
            row = start.copy()
            for layer in layers:
                missing = tuple(name for name in weights if name not in layer.costs)
                layer.costs.update(self.totals(layer.rows, missing, layer.layer) if missing else {})
                row[layer.own] = layer.rows[int(np.argmin(_weighted(layer.costs, weights))), layer.own]
            yield row

    @cached_property
    def _layer_choices(self) -> list[tuple[Indices, list[_LayerChoices]]]:
        """For every number of time steps and unit that is removed: an index row with them, the choices of each layer.

        What is removed must not be left to the improvement: under a method that removes nothing all ratios cost alike.
        """
        free = self.space.free
        steps = next((index for index, parameter in enumerate(free) if parameter.name == TIME_STEPS), None)
        counts = range(len(free[steps].values)) if steps is not None else (None,)
        found = []
        for start, step in itertools.product(self.space.methods_by_unit(), counts):
            row = start.copy()
            if steps is not None and step is not None:
                row[steps] = step
            layers = []
            for layer in self.space.workload.compressible:
                own = [index for index, parameter in enumerate(free) if parameter.layer == layer.name]
                if not own:
                    continue
                options = np.array(list(itertools.product(*(range(len(free[i].values)) for i in own))), dtype=np.intp)
                rows = np.repeat(row[None, :], len(options), axis=0)
                rows[:, own] = options
                layers.append(_LayerChoices(layer, own, rows))
            found.append((row, layers))
        return found

    def draw(self, taken: Collection[Identity], generator: np.random.Generator) -> Indices | None:
        """A random index row that keeps every limit and is not ``taken``; None if there is none left.

        A random row is moved towards a corner that fits, one parameter after the other in random order, until it fits.
        """
        corner = self.corner
        if corner is None:
            return None
        for _ in range(_DRAWS):
            row = self._towards(corner, self.space.random_rows(1, generator)[0], generator)
            if self.space.identity_at(row) not in taken:
                return row
        every = self.every_row()
        left = [row for row in every[self.fits(every)] if self.space.identity_at(row) not in taken]
        return left[int(generator.integers(len(left)))] if left else None

    def totals(
        self, rows: Indices, names: tuple[str, ...], layer: Layer | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Costs by name, one (n,) array each, infinite for what is skipped; of one layer alone where it is given."""
        if layer is None:
            workload, batch = self.workload, self.space.batch(rows)
        else:
            workload = replace(self.workload, layers=(self.workload[layer.name],), unpriced=())
            batch = self.space.batch(rows, (layer,))
        arrays = estimate_many(workload, batch, self.hardware)
        costs = {name: batch.time_steps if name == TIME_STEPS else getattr(arrays, name) for name in names}
        if self.skips_losing:
            lost = losing(workload, batch, self.hardware).any(axis=1)
            costs = {name: np.where(lost, np.inf, cost) for name, cost in costs.items()}
        return costs

    def _towards(self, corner: Indices, row: Indices, generator: np.random.Generator) -> Indices:
        order = generator.permutation(len(row))
        path = np.repeat(row[None, :], len(row) + 1, axis=0)
        for position, parameter in enumerate(order):
            path[position + 1 :, parameter] = corner[parameter]
        return np.array(path[int(np.argmax(self.fits(path)))])


def quiet(workload: Workload) -> Workload:
    """The workload without any spike: no activity makes a network cheaper, so its costs are lower bounds."""
    return workload.with_densities({layer.name: 0.0 for layer in workload.layers if layer.spiking_input})


def measured_excesses(cost: CostReport, limits: Mapping[str, float]) -> dict[str, float]:
    """Cost / limit - 1 by name for a trained network: at most zero where the limit is kept."""
    return {name: cost_value(cost, name) / limit - 1.0 for name, limit in limits.items()}


def in_units(name: str, value: float) -> str:
    """A cost as people read it: ``61.3 KiB``, ``4.2 µJ``; counts as they are."""
    unit = OBJECTIVES[name].unit
    return f"{value:g}" if unit in ("count", "share") else format_quantity(value, unit)


def _weighted(costs: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.sum([costs[name] * weight for name, weight in weights.items()], axis=0)
    return total
