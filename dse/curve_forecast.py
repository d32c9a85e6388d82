"""Forecasts of where a training will end, from its configuration and its curve so far.

They are learned from the finished trainings of the same study. Own method; the idea of extrapolating curves is that of
Domhan et al. 2015 (IJCAI).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from cost_models import Configuration
from studies.membership import accuracy_of, log_error

FloatArray = NDArray[np.float64]

#: The last epochs of a curve that a forecast looks at.
LAGS = 3
#: Finished trainings below which nothing is forecast.
FEWEST_CURVES = 8
_RIDGES = (0.3, 1.0, 3.0, 10.0)
_PAIRS = (0.0, 0.3, 1.0)


def features(configuration: Configuration) -> tuple[float, ...]:
    """A configuration as numbers in which damage is about linear: log of kept shares, of bit widths, of time steps."""
    values = [math.log2(configuration.time_steps)]
    for budget in configuration.budgets:
        values += [-math.log(1.0 - budget.pruning_ratio), math.log2(budget.weight_bits)]
        values += [] if budget.membrane_bits is None else [math.log2(budget.membrane_bits)]
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The end of one training, seen from the end of one of its epochs: a distribution that depends on its readings.

    On the scale of :func:`log_error`, with x the last readings of the curve, oldest first, less what was ``expected``
    of them from the configuration alone: the mean is ``end`` + ``weights`` x, and the optimistic end lies
    ``width`` * sqrt(1 + x ``unusual`` x) higher. A curve unlike the finished ones has a larger variance.
    """

    end: float
    expected: tuple[float, ...]
    weights: tuple[float, ...]
    unusual: tuple[tuple[float, ...], ...]
    width: float

    def mean(self, curve: Sequence[float]) -> float:
        """The accuracy at which the training is expected to end."""
        return accuracy_of(self.end + float(self._surprise(curve) @ np.array(self.weights)))

    def optimistic(self, curve: Sequence[float]) -> float:
        """The accuracy that the training will exceed with no more than the given probability."""
        x = self._surprise(curve)
        spread = math.sqrt(1.0 + float(x @ np.array(self.unusual) @ x))
        return accuracy_of(self.end + float(x @ np.array(self.weights)) + self.width * spread)

    def _surprise(self, curve: Sequence[float]) -> FloatArray:
        found: FloatArray = log_error(np.array(curve[-len(self.expected) :])) - np.array(self.expected)
        return found


def learned_from(count: int) -> int:
    """How many of ``count`` finished trainings, from the first on, are learned from: steps of a tenth, to save time.

    >>> [learned_from(count) for count in (5, 8, 19, 20, 21, 22, 100)]
    [5, 8, 19, 20, 20, 22, 94]
    """
    step = FEWEST_CURVES
    while (following := max(step + 1, step * 11 // 10)) <= count:
        step = following
    return min(step, count)


@dataclass(frozen=True)
class CurveModel:
    """What finished trainings teach about the ends of others: readings of all epochs as one Gaussian process.

    The covariance of two trainings in the features of their configurations is s + b s^2, s the scalar product of their
    standardised features over the number of features: effects of single features, and of pairs of them with weight b.
    That between the epochs is the same for all trainings (an intrinsic coregionalisation model: Bonilla et al. 2007,
    NeurIPS); it is estimated from the leave-one-out errors, so it covers both the noise of a training and what is not
    known yet of its configuration. The end of a curve is then a linear function of its last readings.
    """

    known: FloatArray
    step: float
    centre: FloatArray
    scale: FloatArray
    inputs: FloatArray
    level: FloatArray
    kernel: _Kernel
    epochs: tuple[_Epoch, ...]

    @classmethod
    def fit(cls, curves: FloatArray, known: FloatArray) -> CurveModel | None:
        """Learn from the ``curves`` (n, epochs) and the features ``known`` (n, d) of finished trainings.

        None where they are too few.
        """
        count = len(curves)
        if count < FEWEST_CURVES:
            return None
        raw = known[:, known.std(axis=0) > 1e-9]
        centre, scale = raw.mean(axis=0), raw.std(axis=0)
        inputs = (raw - centre) / scale
        readings = log_error(curves)
        level = readings.mean(axis=0)
        found = _Kernel.choose(inputs @ inputs.T / max(inputs.shape[1], 1), readings - level)
        errors = found.errors
        epochs = tuple(_Epoch.fit(errors[:, :n], errors[:, -1], found.freedom) for n in range(1, curves.shape[1]))
        return cls(known, _step(curves), centre, scale, inputs, level, found, epochs)

    def forecasts(self, new: FloatArray, risks: Sequence[float]) -> tuple[Forecast, ...]:
        """One forecast for each of the epochs but the last, for a training with the features ``new`` (d,).

        ``risks`` are the probabilities that it ends above the optimistic ends; with few curves the Student t
        distribution has few degrees of freedom and they are far away. Nothing is forecast for a choice that no finished
        training had where they all had the same.
        """
        varying = self.known.std(axis=0) > 1e-9
        if (np.abs(new - self.known[0])[~varying] > 1e-9).any():
            return ()
        fixed = (new[varying] - self.centre) / self.scale
        count = max(len(fixed), 1)
        own = float(fixed @ fixed) / count
        between, variance = self.kernel.predict(self.inputs @ fixed / count, own)
        expected = self.level + between
        return tuple(
            epoch.forecast(expected, number, variance, risk)
            for number, (epoch, risk) in enumerate(zip(self.epochs, risks, strict=True), start=1)
        )


@dataclass(frozen=True)
class _Kernel:
    """The process over configurations: its two weights, and what follows from the finished trainings.

    ``weights`` (n, epochs) are the inverse covariance times the readings; ``errors`` (n, epochs) the leave-one-out
    errors over their standard deviations, but for one factor for each epoch.
    """

    pairs: float
    ridge: float
    inverse: FloatArray
    weights: FloatArray
    freedom: float

    @classmethod
    def choose(cls, scalar: FloatArray, readings: FloatArray) -> _Kernel:
        """For the scalar products (n, n) and the centred readings (n, epochs).

        The weights of pairs and of noise with the largest leave-one-out predictive density over all epochs (Rasmussen,
        Williams 2006, section 5.4.2).
        """
        best, chosen, count = -math.inf, None, len(scalar)
        for pairs in _PAIRS:
            values, vectors = np.linalg.eigh(scalar + pairs * scalar**2)
            values = np.maximum(values, 0.0)
            turned = vectors.T @ readings
            for ridge in _RIDGES:
                shrunk = 1.0 / (values + ridge)
                weights, precision = vectors @ (shrunk[:, None] * turned), vectors**2 @ shrunk
                freedom = count - 1.0 - float(values @ shrunk)
                errors = np.sum(weights**2 / precision[:, None], axis=0)
                density = float(np.sum(np.log(precision)) - count * np.mean(np.log(np.maximum(errors, 1e-12))))
                if chosen is None or (freedom >= 1.0 and density > best):
                    best = density if freedom >= 1.0 else best
                    chosen = cls(pairs, ridge, (vectors * shrunk) @ vectors.T, weights, freedom)
        assert chosen is not None
        return chosen

    @property
    def errors(self) -> FloatArray:
        found: FloatArray = self.weights / np.sqrt(np.diag(self.inverse))[:, None]
        return found

    def predict(self, scalar: FloatArray, own: float) -> tuple[FloatArray, float]:
        """Mean (epochs,) and variance at a configuration with these scalar products, with the others and itself."""
        covariances = scalar + self.pairs * scalar**2
        variance = self.ridge + own + self.pairs * own**2 - float(covariances @ self.inverse @ covariances)
        return covariances @ self.weights, max(variance, self.ridge)


@dataclass(frozen=True)
class _Epoch:
    """How the error at the end follows from those of the last readings, in units of what the configuration leaves."""

    weights: FloatArray
    inverse: FloatArray
    variance: float
    freedom: float

    @classmethod
    def fit(cls, errors: FloatArray, ends: FloatArray, freedom: float) -> _Epoch:
        """From the standardised leave-one-out errors (n, epochs so far) and those at the end (n,): ridge regression.

        Its prior is worth one training.
        """
        last = errors[:, -LAGS:]
        square = last.T @ last
        inverse = np.linalg.inv(
            square + (np.trace(square) / square.size**0.5 / len(ends) + 1e-12) * np.eye(len(square))
        )
        weights = inverse @ last.T @ ends
        left = max(freedom - float(np.sum(inverse * square)), 1.0)
        return cls(weights, inverse, float(np.sum((ends - last @ weights) ** 2)) / left, left)

    def forecast(self, expected: FloatArray, epoch: int, variance: float, risk: float) -> Forecast:
        """For a training of which the configuration leaves ``variance``, after ``epoch``."""
        lags = len(self.weights)
        return Forecast(
            float(expected[-1]),
            tuple(expected[epoch - lags : epoch].tolist()),
            tuple(self.weights.tolist()),
            tuple(map(tuple, (self.inverse / variance).tolist())),
            float(stdtrit(self.freedom, 1.0 - risk)) * math.sqrt(self.variance * variance),
        )


def _step(curves: FloatArray) -> float:
    """The smallest difference between two readings; 0 where all are the same."""
    differences = np.diff(np.unique(curves.round(9)))
    return float(differences.min()) if len(differences) else 0.0
