"""What the accuracy of any configuration is expected to be: the parametric mean, its uncertainty and what it misses.

The linearised mean is a Gaussian process with covariance J C J'; on top of it come a smooth residual over all axes, and
for landscapes that break the mean's assumptions two kinds of free effects: a deviation from the monotone curve that the
layers of a role share, and a value of its own for each level of each axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from dse.search.known_cost.axes import Axes, Floats, Rows
from dse.search.known_cost.mean import MonotoneMean

NOISES = (0.003, 0.006, 0.012, 0.025, 0.05)  #: of an accuracy, standard deviation
RESIDUALS = (0.0001, 0.002, 0.01, 0.04, 0.15)  #: share of the variance of z
EFFECTS = (0.0, 0.01, 0.05, 0.2, 0.6)  #: share of the variance of z
_KNOTS = 9
_SMOOTH = 0.3  # of generosity: the length over which free effects are alike
_FEATURES = 500
_FREE_AXES = 0.3
_FEWEST_FOR_EFFECTS = 8


@dataclass(frozen=True, slots=True)
class Amplitudes:
    """Noise (of an accuracy) and the size of each part of the residual (shares of the variance of z)."""

    noise: float = 0.012
    residual: float = 0.01
    shared: float = 0.0
    own: float = 0.0

    @property
    def log_prior(self) -> float:
        """Small noise and small residuals are likelier."""
        effects = np.log1p(20.0 * self.shared) + np.log1p(20.0 * self.own)
        return float(-0.5 * np.log(self.noise / 0.01) ** 2 - 0.1 * np.log(self.residual / 0.01) ** 2 - 0.3 * effects)


def matern(distance: Floats) -> Floats:
    """Matern 5/2 of distances in units of the length scale."""
    scaled = np.sqrt(5.0) * distance
    similarity: Floats = scaled / 3.0
    similarity += 1.0
    similarity *= scaled
    similarity += 1.0
    similarity *= np.exp(np.negative(scaled, out=scaled), out=scaled)
    return similarity


@dataclass(frozen=True)
class Features:
    """Maps rows to the vectors whose products are the parts of the covariance."""

    axes: Axes
    mean: MonotoneMean
    theta: Floats
    root: Floats

    def parametric(self, rows: Rows) -> tuple[Floats, Floats]:
        """The mean (n,) and J L (n, p), L a root of the prior covariance."""
        value, jacobian = self.mean.jacobian(rows, self.theta)
        return value, self.mean.whitened(jacobian, self.root)

    def place(self, rows: Rows) -> Floats:
        """Coordinates (n, d) in which distance counts for the smooth residual, in units of its length."""
        generosity = self.axes.generosity(rows)
        unordered = [i for i, axis in enumerate(self.axes.axes) if axis.kind == "unordered"]
        apart = [np.eye(int(self.axes.sizes[i]))[rows[:, i]] / np.sqrt(2.0) for i in unordered]
        plain = np.delete(generosity, unordered, axis=1)
        place: Floats = np.concatenate([plain, *apart], axis=1) / (0.5 * np.sqrt(len(self.axes)))
        return place

    def shared(self, rows: Rows) -> Floats:
        """For each role a smooth function of the level, weighted by the layers' share of damage (n, roles x knots)."""
        if not self._shared_tables:
            return np.zeros((len(rows), 0))
        parts = []
        for members in self._shared_tables.values():
            part = np.zeros((len(rows), _KNOTS))
            for index, table in members:
                part += table[rows[:, index]]
            parts.append(part)
        return np.concatenate(parts, axis=1)

    @cached_property
    def _shared_tables(self) -> dict[str, list[tuple[int, Floats]]]:
        """For each role its axes, each with the weighted features of its levels (levels, knots)."""
        knots = np.linspace(0.0, 1.0, _KNOTS)
        whitener = np.linalg.inv(_root(matern(np.abs(knots[:, None] - knots) / _SMOOTH)))
        damage = self.mean.sensitivities(self.theta)
        tables: dict[str, list[tuple[int, Floats]]] = {}
        for role in dict.fromkeys(axis.role for axis in self.axes.axes if axis.kind == "monotone"):
            own = [i for i, axis in enumerate(self.axes.axes) if axis.role == role and axis.kind == "monotone"]
            weight = damage[own] / max(float(damage[own].sum()), 1e-12)
            levels = [np.array(self.axes.axes[index].generosity) for index in own]
            tables[role] = [
                (index, share * matern(np.abs(level[:, None] - knots) / _SMOOTH) @ whitener.T)
                for index, share, level in zip(own, weight.tolist(), levels, strict=True)
            ]
        return tables

    def own(self, rows: Rows, axes: list[int]) -> Floats:
        """For each of the axes a value for each level, neighbours alike but not equal (n, levels)."""
        if not axes:
            return np.zeros((len(rows), 0))
        parts = [self._own_tables[index][rows[:, index]] for index in axes]
        features: Floats = np.concatenate(parts, axis=1) / np.sqrt(len(axes))
        return features

    @cached_property
    def _own_tables(self) -> list[Floats]:
        """For each axis the features of its levels (levels, bins)."""
        most = max(3, min(_KNOTS, _FEATURES // max(len(self.axes), 1)))
        tables = []
        for axis, size in zip(self.axes.axes, self.axes.sizes.tolist(), strict=True):
            bins = min(size, most)
            place = np.linspace(0.0, 1.0, bins)
            alike = matern(np.abs(place[:, None] - place) / _SMOOTH)
            root = _root((0.0 if axis.kind == "unordered" else 0.5) * alike + 0.5 * np.eye(bins))
            tables.append(root[(np.arange(size) * bins) // size])
        return tables


class Posterior:
    """The accuracy model conditioned on readings; ``noise_scale`` (n,) is the noise of z where an accuracy's is 1."""

    def __init__(
        self,
        features: Features,
        prior_mean: Floats,
        rows: Rows,
        z: Floats,
        noise_scale: Floats,
        spread: float,
        free_effects: bool = True,
    ) -> None:
        self._features, self._rows, self._spread = features, rows, spread
        self._correction = prior_mean - features.theta
        value, jacobian = features.mean.jacobian(rows, features.theta)
        self._residual = z - value - jacobian @ self._correction
        self._noise_scale = noise_scale
        self._every = [i for i, axis in enumerate(features.axes.axes) if axis.kind != "free"]
        self._free = [i for i, axis in enumerate(features.axes.axes) if axis.kind == "free"]
        self._linear = features.mean.whitened(jacobian, features.root)
        self._place = features.place(rows)
        self._shared = features.shared(rows) if free_effects else np.zeros((len(rows), 0))
        self._own = features.own(rows, self._every if free_effects else [])
        self._own_free = features.own(rows, self._free)
        self._parts = (
            self._linear @ self._linear.T + _FREE_AXES * spread * self._own_free @ self._own_free.T,
            matern(_distances(self._place, self._place)),
            self._shared @ self._shared.T,
            self._own @ self._own.T,
        )
        self.amplitudes = self._chosen(free_effects)
        factor = cho_factor(self._covariance(self.amplitudes), lower=True, check_finite=False)
        self._weights = cho_solve(factor, self._residual)
        self._whitener = solve_triangular(factor[0], np.eye(len(z)), lower=True, check_finite=False)
        self.log_likelihood = self._log_likelihood(self.amplitudes)

    def _covariance(self, a: Amplitudes) -> Floats:
        parametric, smooth, shared, own = self._parts
        total = parametric + self._spread * (a.residual * smooth + a.shared * shared + a.own * own)
        total[np.diag_indices_from(total)] += (a.noise * self._noise_scale) ** 2 + 1e-6 * self._spread
        return total

    def _log_likelihood(self, a: Amplitudes) -> float:
        factor = cho_factor(self._covariance(a), lower=True, overwrite_a=True, check_finite=False)
        fit = self._residual @ cho_solve(factor, self._residual, check_finite=False)
        return float(-0.5 * fit - np.log(np.diag(factor[0])).sum()) + a.log_prior

    def leave_one_out(self, a: Amplitudes) -> float:
        """The mean log density of each reading under the model that has seen all others."""
        factor = cho_factor(self._covariance(a), lower=True, overwrite_a=True, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(self._residual)), check_finite=False)
        variance = 1.0 / np.diag(inverse)
        error = (inverse @ self._residual) * variance
        return float(np.mean(-0.5 * error**2 / variance - 0.5 * np.log(variance)))

    def _chosen(self, free_effects: bool) -> Amplitudes:
        """The likeliest amplitudes; free effects are let in where they foretell left-out readings better."""
        plain = self._climbed(Amplitudes(), {"noise": NOISES, "residual": RESIDUALS})
        if not free_effects or len(self._residual) < _FEWEST_FOR_EFFECTS:
            return plain
        start = replace(plain, shared=0.05, own=0.05)
        free = self._climbed(start, {"shared": EFFECTS, "own": EFFECTS, "noise": NOISES, "residual": RESIDUALS})
        better = self.leave_one_out(free) > self.leave_one_out(plain) + 1.0 / len(self._residual)
        return free if better else plain

    def _climbed(self, start: Amplitudes, grids: dict[str, tuple[float, ...]]) -> Amplitudes:
        best, value = start, self._log_likelihood(start)
        for _ in range(2 if len(self._residual) <= 200 else 1):
            before = best
            for name, grid in grids.items():
                for option in grid:
                    if option != getattr(best, name):
                        trial = replace(best, **{name: option})
                        found = self._log_likelihood(trial)
                        if found > value:
                            best, value = trial, found
            if best == before:
                break
        return best

    def predict(self, rows: Rows) -> tuple[Floats, Floats]:
        """Mean and standard deviation of z for rows (n,)."""
        a, features = self.amplitudes, self._features
        value, jacobian = features.mean.jacobian(rows, features.theta)
        linear = features.mean.whitened(jacobian, features.root)
        cross = linear @ self._linear.T
        cross += a.residual * self._spread * matern(_distances(features.place(rows), self._place))
        variance = np.einsum("ij,ij->i", linear, linear) + a.residual * self._spread
        extra: tuple[tuple[float, Callable[[Rows], Floats], Floats], ...] = (
            (a.shared, features.shared, self._shared),
            (a.own, lambda rows: features.own(rows, self._every), self._own),
            (_FREE_AXES if self._free else 0.0, lambda rows: features.own(rows, self._free), self._own_free),
        )
        for amplitude, mapping, seen in extra:
            if amplitude:
                mapped = mapping(rows)
                cross += amplitude * self._spread * mapped @ seen.T
                variance += amplitude * self._spread * np.einsum("ij,ij->i", mapped, mapped)
        mean = value + jacobian @ self._correction + cross @ self._weights
        explained = cross @ self._whitener.T
        variance -= np.einsum("ij,ij->i", explained, explained)
        return mean, np.sqrt(np.maximum(variance, 1e-8 * self._spread))


def _distances(first: Floats, second: Floats) -> Floats:
    squared = first @ (-2.0 * second.T)
    squared += (first**2).sum(axis=1)[:, None]
    squared += (second**2).sum(axis=1)
    distances: Floats = np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
    return distances


def _root(matrix: Floats) -> Floats:
    root: Floats = np.linalg.cholesky(matrix + 1e-9 * np.eye(len(matrix))).astype(np.float64)
    return root
