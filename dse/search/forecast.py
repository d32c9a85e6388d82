"""What proposals will cost: exact where activity does not matter, else from predicted spike rates, with the error.

The input density of a spiking layer is known only after training. It is predicted by ridge regression of its logit on
the choices, over the finished trials, around the density of the uncompressed network. What the prediction is worth is
measured by leaving each finished trial out: the relative error of its cost, carried into the proposals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cost_models import CostArrays, estimate_many
from dse.search.additive_costs import ROUNDING
from dse.search.limits import CostGate, quiet
from dse.search.suggest import TIME_STEPS, Indices
from studies import OBJECTIVES, Evaluation

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

#: Relative error that is assumed until there are trials to measure it on.
ASSUMED_ERROR = 0.2
FEWEST_TRIALS = 3
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_EDGE = 1e-3
#: The excess over a limit of a configuration that is to be skipped: its costs are infinite.
_SKIPPED = 1.0


@dataclass(frozen=True)
class CostForecast:
    """Costs of one study's configurations, judged as far as the ``finished`` trials tell."""

    gate: CostGate
    finished: Sequence[Evaluation] = ()

    def function(self, name: str) -> Callable[[Columns], Floats]:
        """A cost as a function of columns by parameter name: arrays (n,) to an array (n,), in SI units."""
        return lambda columns: self._cost(name, self.rows(columns))

    def error(self, name: str) -> float:
        """The relative standard deviation of a predicted cost; 0 for an exact one."""
        if name not in self._errors:
            self._errors[name] = self._measured_error(name)
        return self._errors[name]

    @cached_property
    def _errors(self) -> dict[str, float]:
        return {}

    def _measured_error(self, name: str) -> float:
        if name not in self.uncertain:
            return 0.0
        if len(self._seen) < FEWEST_TRIALS:
            return ASSUMED_ERROR
        measured = np.array([OBJECTIVES[name].read(one) for one in self._seen])
        counted = measured > 0.0  # a network that is silent has no synaptic operations to err by a share of
        if np.count_nonzero(counted) < FEWEST_TRIALS:
            return ASSUMED_ERROR
        relative = _total(self._foretold, name)[counted] / measured[counted] - 1.0
        return float(np.sqrt(np.mean(relative**2)))

    @cached_property
    def _foretold(self) -> tuple[CostArrays, Floats]:
        """The costs of each finished trial as foretold from all others."""
        return self._priced(self._seen_rows, _expit(self._regression[1]))

    def excess(self, columns: Columns) -> Floats:
        """Cost / limit - 1 for each limit (n, limits).

        A limit on a predicted cost is kept under the uncompressed network's activity, which the search asks for, and
        one standard error away under the predicted one, as long as anything keeps it then. What the gate skips exceeds.
        """
        return self._excess(self.rows(columns))

    @cached_property
    def uncertain(self) -> frozenset[str]:
        """The costs that depend on activity: those that change when no neuron spikes."""
        some = self.gate.space.random_rows(4, np.random.default_rng(0))
        batch, hardware = self.gate.space.batch(some), self.gate.hardware
        loud, silent = (estimate_many(w, batch, hardware) for w in (self.gate.workload, quiet(self.gate.workload)))
        costs = [name for name, objective in OBJECTIVES.items() if objective.is_cost and name != TIME_STEPS]
        return frozenset(name for name in costs if not np.array_equal(getattr(loud, name), getattr(silent, name)))

    def rows(self, columns: Columns) -> Indices:
        """The index rows of columns of values."""
        if self._last_rows and self._last_rows[0][0] is columns:  # each cost of one batch is asked for in turn
            return self._last_rows[0][1]
        rows = np.empty((len(next(iter(columns.values()))), len(self.gate.space.free)), dtype=np.intp)
        for place, parameter in enumerate(self.gate.space.free):
            values = np.asarray(parameter.values)
            if values.dtype.kind in "iuf":  # in ascending order
                bounds = (values[1:] + values[:-1]) / 2.0
                rows[:, place] = np.searchsorted(bounds, columns[parameter.name].astype(float))
            else:
                found = {value: index for index, value in enumerate(parameter.values)}
                rows[:, place] = [found[value] for value in columns[parameter.name].tolist()]
        self._last_rows[:] = [(columns, rows)]
        return rows

    @cached_property
    def _last_rows(self) -> list[tuple[Columns, Indices]]:
        return []

    def _excess(self, rows: Indices) -> Floats:
        limits = self.gate.limits
        asked = self.gate.costs(rows) if self.uncertain & limits.keys() else {}
        parts = [(asked[name] if name in asked else self._exact(name, rows)) / limits[name] - 1.0 for name in limits]
        for name in self._margins:
            parts.append(self._cost(name, rows) * (1.0 + self.error(name)) / limits[name] - 1.0)
        if self.gate.skips_losing:
            parts.append(np.where(self.gate.loses(rows), _SKIPPED, -_SKIPPED))
        excess = np.stack(parts, axis=1)
        return np.where(np.isfinite(excess), excess, _SKIPPED)

    def _exact(self, name: str, rows: Indices) -> Floats:
        """A limited cost that does not depend on activity; looked up, and priced where rounding could decide."""
        table = self.gate.additive(name)
        if table is None:
            return self._cost(name, rows)
        cost, limit = table(rows), self.gate.limits[name]
        close = np.flatnonzero(np.abs(cost - limit) <= 10.0 * ROUNDING * limit)
        if len(close):
            cost[close] = self.gate.totals(rows[close], (name,))[name]
        return cost

    @cached_property
    def _margins(self) -> tuple[str, ...]:
        """The limits on predicted costs that are kept with a margin: none of them if the cheapest row cannot."""
        names = tuple(name for name in self.gate.limits if name in self.uncertain)
        corner = self.gate.corner
        if not names or not self._seen or corner is None:
            return ()
        kept = [self._cost(n, corner[None, :])[0] * (1.0 + self.error(n)) <= self.gate.limits[n] for n in names]
        return names if all(kept) else ()

    def _cost(self, name: str, rows: Indices) -> Floats:
        """The cost under the predicted activity; the last batch is kept, as all costs of one are asked for in turn."""
        key = rows.tobytes()
        if key not in self._last:
            self._last.clear()
            self._last[key] = self._priced(rows, self._densities(rows))
        return _total(self._last[key], name)

    def _priced(self, rows: Indices, densities: Floats) -> tuple[CostArrays, Floats]:
        """The costs under given densities of the spiking layers (n, spiking layers), and the time steps."""
        batch = self.gate.space.batch(rows)
        whole = np.repeat(self._base[None, :], len(rows), axis=0)
        whole[:, self._spiking] = densities
        batch = replace(batch, input_density=whole)
        return estimate_many(self.gate.workload, batch, self.gate.hardware), batch.time_steps

    @cached_property
    def _last(self) -> dict[bytes, tuple[CostArrays, Floats]]:
        return {}

    @cached_property
    def _seen(self) -> list[Evaluation]:
        return [one for one in self.finished if one.workload is not None and one.cost is not None]

    @cached_property
    def _seen_rows(self) -> Indices:
        free = self.gate.space.free
        if not free:
            return np.empty((len(self._seen), 0), dtype=np.intp)
        columns = {p.name: np.array([one.choices[p.name] for one in self._seen], dtype=object) for p in free}
        return self.rows(columns)

    @cached_property
    def _spiking(self) -> NDArray[np.bool_]:
        return np.array([layer.spiking_input for layer in self.gate.workload.compressible], dtype=bool)

    @cached_property
    def _base(self) -> Floats:
        return np.array([layer.input_density for layer in self.gate.workload.compressible])

    def _densities(self, rows: Indices) -> Floats:
        """The predicted densities of the spiking layers (n, spiking layers)."""
        coefficients = self._regression[0]
        return _expit(_logit(self._base[self._spiking]) + self._predictors(rows) @ coefficients)

    def _predictors(self, rows: Indices) -> Floats:
        sizes = np.array([len(parameter.values) for parameter in self.gate.space.free])
        return np.concatenate([np.ones((len(rows), 1)), 2.0 * rows / (sizes - 1.0) - 1.0], axis=1)

    @cached_property
    def _regression(self) -> tuple[Floats, Floats]:
        """Coefficients (predictors, spiking layers), and each finished trial's logits as foretold from all others."""
        base = _logit(self._base[self._spiking])
        if not self._seen:
            return np.zeros((len(self.gate.space.free) + 1, len(base))), np.zeros((0, len(base)))
        x = self._predictors(self._seen_rows)
        measured = [[layer.input_density for layer in one.workload.compressible] for one in self._seen if one.workload]
        y = _logit(np.array(measured)[:, self._spiking]) - base
        best: tuple[float, Floats, Floats] | None = None
        for ridge in _RIDGES:
            inverse = np.linalg.inv(x.T @ x + ridge * np.eye(x.shape[1]))
            coefficients = inverse @ (x.T @ y)
            leverage = ((x @ inverse) * x).sum(axis=1)
            error = (y - x @ coefficients) / (1.0 - leverage)[:, None]
            if best is None or float((error**2).sum()) < best[0]:
                best = float((error**2).sum()), coefficients, y - error
        assert best is not None
        return best[1], base + best[2]


def _total(priced: tuple[CostArrays, Floats], name: str) -> Floats:
    costs, steps = priced
    found: Floats = steps if name == TIME_STEPS else getattr(costs, name)
    return found


def _logit(share: Floats) -> Floats:
    held = np.clip(share, _EDGE, 1.0 - _EDGE)
    return np.log(held / (1.0 - held))


def _expit(value: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-value))
