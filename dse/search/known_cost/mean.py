"""The monotone parametric mean of the accuracy model: damage by layer and role, joined from additive to bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dse.search.known_cost.axes import Axes, Floats, Rows

#: Prior of each layer's sensitivity to each role: standard deviations of what its roles share, and of each alone.
LAYER_SPREAD, ROLE_SPREAD = 0.8, 0.5
#: The same around measured sensitivities.
MEASURED_SPREAD, MEASURED_SHARED = 0.6, 0.2
_MEASURED_SCALE, _MEASURED_MOST = 0.7, 2.5
_CHOICE_SPREAD = 0.5
_SHAPE_RANGE = (-4.0, 14.0)
_MOST_BOTTLENECK = 2.5


@dataclass(frozen=True)
class MonotoneMean:
    """z(x) = z0 + (sum_l D_l^rho)^(1/rho) + network-wide damage + effects of unordered choices.

    D_l = sum_r exp(S_r + e_lr) phi(c_lr; k_r) with phi(c; k) = (exp(k c) - 1) / (exp(k) - 1), compression c = 1 -
    generosity; a network-wide parameter t adds exp(tau_t) phi(c_t; k_t). rho = 1 + exp(q): 1 is additive, large a
    bottleneck. Parameters are one vector; ``measured`` holds log sensitivities by axis name (any common scale).
    """

    axes: Axes
    measured: Mapping[str, float] | None = None

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers, in the order of the axes."""
        return tuple(dict.fromkeys(a.layer for a in self.axes.axes if a.layer is not None and a.kind == "monotone"))

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles that layers share."""
        return tuple(dict.fromkeys(a.role for a in self.axes.axes if a.layer is not None and a.kind == "monotone"))

    @cached_property
    def _layered(self) -> tuple[Rows, Rows, Rows]:
        """Axis, layer and role of each layer parameter."""
        found = [(i, a) for i, a in enumerate(self.axes.axes) if a.layer is not None and a.kind == "monotone"]
        index = [(i, self.layers.index(a.layer or ""), self.roles.index(a.role)) for i, a in found]
        table = np.array(index, dtype=np.intp).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    @cached_property
    def _wide(self) -> Rows:
        wide = [i for i, a in enumerate(self.axes.axes) if a.layer is None and a.kind == "monotone"]
        return np.array(wide, dtype=np.intp)

    @cached_property
    def _unordered(self) -> list[tuple[int, int]]:
        return [(i, len(a.levels)) for i, a in enumerate(self.axes.axes) if a.kind == "unordered"]

    @cached_property
    def _slices(self) -> dict[str, slice]:
        """Where each part lies in the parameter vector."""
        sizes = {
            "z0": 1,
            "q": 1,
            "scale": len(self.roles),
            "shape": len(self.roles),
            "sensitivity": len(self._layered[0]),
            "wide_scale": len(self._wide),
            "wide_shape": len(self._wide),
            "choice": sum(count for _, count in self._unordered),
        }
        ends = np.cumsum(list(sizes.values())).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self._slices["choice"].stop)

    def prior(self, lowest: float) -> tuple[Floats, Floats]:
        """Mean (p,) and a root (p, p) of the covariance; ``lowest`` is the smallest observed z."""
        s = self._slices
        mean, root = np.zeros(self.size), np.zeros((self.size, self.size))

        def put(part: str, value: float, deviation: float) -> None:
            mean[s[part]] = value
            root[s[part], s[part]] = deviation * np.eye(s[part].stop - s[part].start)

        put("z0", lowest, 1.0)
        put("q", -2.0, 1.0)
        put("scale", -np.log(max(len(self.layers), 1)), 1.5)
        put("shape", 4.0, 2.0)
        put("wide_scale", -1.5, 1.5)
        put("wide_shape", 4.0, 2.0)
        put("choice", 0.0, _CHOICE_SPREAD)
        values = self._measured_sensitivities()
        shared = np.where(np.isnan(values), LAYER_SPREAD, MEASURED_SHARED)
        own = np.where(np.isnan(values), ROLE_SPREAD, MEASURED_SPREAD)
        layer = self._layered[1]
        covariance = np.outer(shared, shared) * (layer[:, None] == layer) + np.diag(own**2)
        if len(layer):
            root[s["sensitivity"], s["sensitivity"]] = np.linalg.cholesky(covariance)
        mean[s["sensitivity"]] = np.nan_to_num(values)
        return mean, root

    def _measured_sensitivities(self) -> Floats:
        """Centred by role and scaled; NaN where nothing was measured."""
        axis, _, role = self._layered
        named = self.measured or {}
        values = np.array([named.get(self.axes.axes[index].name, np.nan) for index in axis.tolist()], dtype=float)
        for number in range(len(self.roles)):
            own = role == number
            known = values[own & ~np.isnan(values)]
            values[own] -= known.mean() if len(known) else 0.0
        scaled: Floats = np.clip(values, -_MEASURED_MOST, _MEASURED_MOST) * _MEASURED_SCALE
        return scaled

    def clipped(self, theta: Floats) -> Floats:
        """The parameters inside the ranges in which they are held."""
        s, held = self._slices, theta.copy()
        held[s["q"]] = np.minimum(held[s["q"]], _MOST_BOTTLENECK)
        for part in ("shape", "wide_shape"):
            held[s[part]] = np.clip(held[s[part]], *_SHAPE_RANGE)
        return held

    def __call__(self, rows: Rows, theta: Floats) -> Floats:
        """The mean z of rows (n,)."""
        return self._evaluate(rows, theta, False)[0]

    def jacobian(self, rows: Rows, theta: Floats) -> tuple[Floats, Floats]:
        """The mean (n,) and its derivatives by the parameters (n, p)."""
        return self._evaluate(rows, theta, True)

    def whitened(self, jacobian: Floats, root: Floats) -> Floats:
        """``jacobian @ root`` (n, p) for a root of :meth:`prior`, which couples the sensitivities alone."""
        part = self._slices["sensitivity"]
        result = jacobian * np.diag(root)
        result[:, part] = jacobian[:, part] @ root[part, part]
        return result

    def sensitivities(self, theta: Floats) -> Floats:
        """The damage of each axis at its cheapest level (axes,); 0 for axes that are not monotone."""
        s, result = self._slices, np.zeros(len(self.axes))
        axis, _, role = self._layered
        result[axis] = np.exp(theta[s["scale"]][role] + theta[s["sensitivity"]])
        result[self._wide] = np.exp(theta[s["wide_scale"]])
        return result

    def _evaluate(self, rows: Rows, theta: Floats, derivatives: bool) -> tuple[Floats, Floats]:
        s = self._slices
        mean = np.full(len(rows), theta[0])
        jacobian = np.zeros((len(rows), self.size) if derivatives else (0, 0))
        if derivatives:
            jacobian[:, 0] = 1.0
        axis, layer, role = self._layered
        if len(axis):
            factor = np.exp(np.clip(theta[s["scale"]][role] + theta[s["sensitivity"]], -20.0, 5.0))
            damage, slope = self._looked_up(rows, axis, factor, theta[s["shape"]][role], derivatives)
            by_layer = damage @ self._members + 1e-12
            power = 1.0 + np.exp(theta[1])
            top = by_layer.max(axis=1, keepdims=True)
            share = by_layer / top
            logs = np.log(share)
            relative = np.exp(power * logs)
            whole = relative.sum(axis=1)
            joined = top[:, 0] * whole ** (1.0 / power)
            mean = mean + joined
            if derivatives:
                weight = (relative / share * (whole ** (1.0 / power - 1.0))[:, None])[:, layer]
                own = weight * damage
                jacobian[:, s["sensitivity"]] = own
                jacobian[:, s["scale"]] = own @ self._in_role
                jacobian[:, s["shape"]] = (weight * slope) @ self._in_role
                average = (relative * logs).sum(axis=1) / whole
                jacobian[:, 1] = joined * (average / power - np.log(whole) / power**2) * (power - 1.0)
        if len(self._wide):
            factor = np.exp(np.clip(theta[s["wide_scale"]], -20.0, 5.0))
            damage, slope = self._looked_up(rows, self._wide, factor, theta[s["wide_shape"]], derivatives)
            mean = mean + damage.sum(axis=1)
            if derivatives:
                jacobian[:, s["wide_scale"]] = damage
                jacobian[:, s["wide_shape"]] = slope
        place = s["choice"].start
        for index, count in self._unordered:
            chosen = _one_hot(rows[:, index], count)
            mean = mean + chosen @ theta[place : place + count]
            if derivatives:
                jacobian[:, place : place + count] = chosen
            place += count
        return mean, jacobian

    @cached_property
    def _members(self) -> Floats:
        return _one_hot(self._layered[1], len(self.layers))

    @cached_property
    def _in_role(self) -> Floats:
        return _one_hot(self._layered[2], len(self.roles))

    def _looked_up(
        self, rows: Rows, axis: Rows, factor: Floats, shape: Floats, derivatives: bool
    ) -> tuple[Floats, Floats]:
        """Damage of some axes and its derivative by their shape (n, axes): worked out once for each level."""
        compression = self.axes.compressions[axis]
        damage, slope = _curve(compression, shape[:, None], derivatives)
        places = rows[:, axis] + np.arange(len(axis)) * compression.shape[1]
        found = np.take(factor[:, None] * damage, places)
        return found, np.take(factor[:, None] * slope, places) if derivatives else found


def _curve(compression: Floats, shape: Floats, derivatives: bool) -> tuple[Floats, Floats]:
    """(exp(k c) - 1) / (exp(k) - 1) and its derivative by k."""
    k = np.where(np.abs(shape) < 1e-3, 1e-3, shape)
    bottom = np.expm1(k)
    phi = np.expm1(k * compression) / bottom
    if not derivatives:
        return phi, phi
    return phi, (compression * np.exp(k * compression) - phi * np.exp(k)) / bottom


def _one_hot(index: Rows, count: int) -> NDArray[np.float64]:
    return np.eye(count)[index]
