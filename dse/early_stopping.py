"""Early stopping against an attained front: a training ends once even an optimistic end of it could not join the front.

Costs are known before a training, accuracy is not. A front member that costs no more than the new trial sets the
accuracy that the trial must reach; what it can still reach is forecast at the end of each epoch from its curve and its
configuration, learned from the finished trials of the same study. Own method; the idea of extrapolating curves is that
of Domhan et al. 2015 (IJCAI), here against a front instead of a single best value.

All values are plain, so that a worker gets the whole rule with its job.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from cost_models import Configuration
from studies.evaluation import Evaluation, State

FloatArray = NDArray[np.float64]

#: How optimistic a forecast is: the end lies below it with this probability.
OPTIMISM = 0.99
#: The last epochs of a curve that a forecast looks at.
LAGS = 3
#: Finished trainings below which nothing is forecast, and so nothing stopped.
FEWEST_CURVES = 8
_FLOOR = 0.01  # the share of errors below which differences count ever less
_RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_PAIRS = (0.0, 0.3, 1.0)


def log_error(accuracy: FloatArray | float) -> FloatArray:
    """The scale on which forecasts are made, -log(1 - accuracy + 0.01): relative changes of the error count."""
    return -np.log(1.0 - np.asarray(accuracy, dtype=np.float64) + _FLOOR)


def accuracy_of(value: float) -> float:
    """The accuracy, a share, at a value of :func:`log_error`.

    >>> round(accuracy_of(float(log_error(0.9))), 6)
    0.9
    """
    return min(max(1.0 + _FLOOR - math.exp(-value), 0.0), 1.0)


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

    On the scale of :func:`log_error`, with x the last readings of the curve, newest first, standardised by ``centre``
    and ``scale``, and m all products of at most two of them (:func:`products`): the mean is ``mean`` m, the optimistic
    end lies ``width`` * sqrt(m ``variance`` m) higher. A curve unlike the finished ones has a larger variance.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    mean: tuple[float, ...]
    variance: tuple[tuple[float, ...], ...]
    width: float

    def expected(self, curve: Sequence[float]) -> float:
        """The accuracy at which the training is expected to end."""
        return accuracy_of(float(self._products(curve) @ np.array(self.mean)))

    def optimistic(self, curve: Sequence[float]) -> float:
        """The accuracy that the training will hardly exceed."""
        m = self._products(curve)
        spread = math.sqrt(max(float(m @ np.array(self.variance) @ m), 0.0))
        return accuracy_of(float(m @ np.array(self.mean)) + self.width * spread)

    def _products(self, curve: Sequence[float]) -> FloatArray:
        readings = log_error(np.array(curve[::-1][: len(self.scale)]))
        standardised = (readings - np.array(self.centre)) / np.array(self.scale)
        found: FloatArray = products(standardised[None, :])[0]
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


def products(x: FloatArray) -> FloatArray:
    """1, every column of ``x`` (n, k), and every product of two of them: (n, 1 + k + k (k + 1) / 2).

    >>> products(np.array([[2.0, 3.0]])).tolist()
    [[1.0, 2.0, 3.0, 4.0, 6.0, 9.0]]
    """
    pairs = [x[:, i] * x[:, j] for i in range(x.shape[1]) for j in range(i, x.shape[1])]
    return np.column_stack([np.ones(len(x)), x, *pairs])


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When one training ends early: plain values that travel with its job.

    ``needed`` is the accuracy that trial ``rival``, on the front when this training began, has at no more cost;
    ``forecasts`` holds one forecast for each epoch but the last, None where nothing is known yet.
    """

    needed: float
    rival: int
    epochs: int
    forecasts: tuple[Forecast | None, ...]

    def stops(self, curve: Sequence[float]) -> bool:
        """Whether a training with this curve (one accuracy for each epoch so far) is to end now."""
        forecast = self._forecast(curve)
        return forecast is not None and forecast.optimistic(curve) < self.needed

    def stopped(
        self, trial: int | None, seed: int, asked: Configuration, curve: Sequence[float], seconds: float
    ) -> Evaluation:
        """The trial of a training that was ended with this curve."""
        forecast = self._forecast(curve)
        assert forecast is not None
        reason = (
            f"stopped after epoch {len(curve)} of {self.epochs}: from {curve[-1]:.1%} it would hardly get above "
            f"{forecast.optimistic(curve):.1%}, and trial {self.rival} has {self.needed:.1%} at no more cost"
        )
        return Evaluation(
            trial,
            seed,
            State.STOPPED,
            asked,
            reason=reason,
            seconds=seconds,
            curve=tuple(curve),
            expected_accuracy=forecast.expected(curve),
        )

    def _forecast(self, curve: Sequence[float]) -> Forecast | None:
        return self.forecasts[len(curve) - 1] if 0 < len(curve) < self.epochs else None


@dataclass(frozen=True)
class CurveModel:
    """What finished trainings teach about the ends of others: a Gaussian process for each epoch but the last.

    Inputs are the last readings of a curve and the features of its configuration; the covariance of two trainings is
    s + b s^2, s the scalar product of their standardised inputs over their number: effects of single inputs, and of
    pairs of them with weight b. Epochs about which nothing can be said hold None.
    """

    known: FloatArray
    epochs: tuple[_EpochModel | None, ...]

    @classmethod
    def fit(cls, curves: FloatArray, known: FloatArray) -> CurveModel:
        """Learn from the ``curves`` (n, epochs) and the features ``known`` (n, d) of finished trainings."""
        count, epochs = len(curves), int(curves.shape[1])
        if count < FEWEST_CURVES:
            return cls(known, (None,) * (epochs - 1))
        varying = known.std(axis=0) > 1e-9
        ends: FloatArray = log_error(curves[:, -1])
        readings = log_error(curves)
        return cls(known, tuple(_fit_epoch(readings[:, :epoch], ends, known[:, varying]) for epoch in range(1, epochs)))

    def forecasts(self, new: FloatArray, optimism: float = OPTIMISM) -> tuple[Forecast | None, ...]:
        """One forecast for each epoch but the last, for a training with the features ``new`` (d,).

        With few curves the Student t distribution has few degrees of freedom and the optimism is wide. Nothing is
        forecast for a choice that no finished training had where they all had the same.
        """
        if not len(self.known):
            return (None,) * len(self.epochs)
        varying = self.known.std(axis=0) > 1e-9
        if (np.abs(new - self.known[0])[~varying] > 1e-9).any():
            return (None,) * len(self.epochs)
        return tuple(None if epoch is None else epoch.forecast(new[varying], optimism) for epoch in self.epochs)


@dataclass(frozen=True)
class _EpochModel:
    centre: FloatArray
    scale: FloatArray
    inputs: FloatArray
    lags: int
    pairs: float
    level: float
    inverse: FloatArray
    weights: FloatArray
    ridge: float
    variance: float
    freedom: float

    def forecast(self, new: FloatArray, optimism: float) -> Forecast:
        """The process at the features ``new`` as polynomials in the standardised readings."""
        lags, count = self.lags, self.inputs.shape[1]
        fixed = (new - self.centre[lags:]) / self.scale[lags:]
        # s of the new training with each finished one: a constant, and a part that is linear in the readings.
        covariances = _in_products(self.inputs[:, lags:] @ fixed / count, self.inputs[:, :lags] / count, self.pairs)
        mean = self.weights @ covariances
        mean[0] += self.level
        # Its own variance: s is |readings|^2 + |fixed|^2 over the count, so s^2 is of fourth degree.
        own = np.zeros(covariances.shape[1])
        own[0] = fixed @ fixed / count
        own[products(np.eye(lags)).sum(axis=0) * (np.arange(len(own)) > lags) > 0.0] = 1.0 / count
        first = np.zeros_like(own)
        first[0] = 1.0
        square = (np.outer(own, first) + np.outer(first, own)) / 2.0 + self.pairs * np.outer(own, own)
        square[0, 0] += self.ridge
        square -= covariances.T @ self.inverse @ covariances
        return Forecast(
            tuple(self.centre[:lags].tolist()),
            tuple(self.scale[:lags].tolist()),
            tuple(mean.tolist()),
            tuple(map(tuple, (self.variance * square).tolist())),
            float(stdtrit(self.freedom, optimism)),
        )


def _in_products(constant: FloatArray, linear: FloatArray, pairs: float) -> FloatArray:
    """s + pairs s^2 for s = constant + linear x, as coefficients of :func:`products` of x: (n, products)."""
    columns = [constant + pairs * constant**2]
    columns += [linear[:, i] * (1.0 + 2.0 * pairs * constant) for i in range(linear.shape[1])]
    columns += [
        pairs * linear[:, i] * linear[:, j] * (1.0 if i == j else 2.0)
        for i in range(linear.shape[1])
        for j in range(i, linear.shape[1])
    ]
    return np.column_stack(columns)


def _fit_epoch(readings: FloatArray, ends: FloatArray, known: FloatArray) -> _EpochModel | None:
    """The model with the largest leave-one-out predictive density (Rasmussen, Williams 2006, section 5.4.2)."""
    lags = readings[:, ::-1][:, :LAGS]
    raw = np.concatenate([lags, known], axis=1)
    centre, scale = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-3)
    inputs = (raw - centre) / scale
    level, count = float(ends.mean()), len(ends)
    scalar = inputs @ inputs.T / inputs.shape[1]
    best = -math.inf
    chosen: _EpochModel | None = None
    for pairs in _PAIRS:
        values, vectors = np.linalg.eigh(scalar + pairs * scalar**2)
        values = np.maximum(values, 0.0)
        turned = vectors.T @ (ends - level)
        for ridge in _RIDGES:
            shrunk = 1.0 / (values + ridge)
            weights, precision = vectors @ (shrunk * turned), vectors**2 @ shrunk
            errors = float(np.sum(weights**2 / precision))
            density = float(np.sum(np.log(precision))) - count * math.log(max(errors, 1e-12))
            freedom = count - 1.0 - float(values @ shrunk)
            # Over the degrees of freedom, not the count: what was fitted to few curves is trusted less.
            variance = errors / max(freedom, 1.0)
            if freedom >= 1.0 and density > best:
                best = density
                inverse = (vectors * shrunk) @ vectors.T
                chosen = _EpochModel(
                    centre, scale, inputs, lags.shape[1], pairs, level, inverse, weights, ridge, variance, freedom
                )
    return chosen
