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
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


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
    """The end of one training, seen from the end of one of its epochs: a linear model and its Student t spread.

    On the scale of :func:`log_error`, with x the last readings of the curve, newest first: the mean is ``intercept`` +
    ``weights`` x, and the optimistic end lies ``spread`` * sqrt(1 + ``constant`` + ``linear`` x + x ``square`` x)
    higher (the leverage of the new point, so a curve unlike the finished ones is given more room).
    """

    intercept: float
    weights: tuple[float, ...]
    spread: float
    constant: float
    linear: tuple[float, ...]
    square: tuple[tuple[float, ...], ...]

    def expected(self, curve: Sequence[float]) -> float:
        """The accuracy at which the training is expected to end."""
        return accuracy_of(self._mean(self._readings(curve)))

    def optimistic(self, curve: Sequence[float]) -> float:
        """The accuracy that the training will hardly exceed."""
        x = self._readings(curve)
        leverage = self.constant + x @ np.array(self.linear) + x @ np.array(self.square) @ x
        return accuracy_of(self._mean(x) + self.spread * math.sqrt(1.0 + max(float(leverage), 0.0)))

    def _readings(self, curve: Sequence[float]) -> FloatArray:
        return log_error(np.array(curve[::-1][: len(self.weights)]))

    def _mean(self, x: FloatArray) -> float:
        return float(self.intercept + x @ np.array(self.weights))


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


def learn_forecasts(
    curves: FloatArray, known: FloatArray, new: FloatArray, optimism: float = OPTIMISM
) -> tuple[Forecast | None, ...]:
    """One forecast for each epoch but the last, for a training with the features ``new`` (d,).

    ``curves`` (n, epochs) and ``known`` (n, d) are the curves and the features of the finished trainings. Ridge
    regression of the end on the last readings and the features, all standardised; the ridge is that with the smallest
    leave-one-out error, which also gives the spread. With few curves the t distribution has few degrees of freedom and
    the optimism is wide.
    """
    count, epochs = len(curves), int(curves.shape[1])
    if count < FEWEST_CURVES:
        return (None,) * (epochs - 1)
    ends: FloatArray = log_error(curves[:, -1])
    varying = known.std(axis=0) > 1e-9
    # A feature in which the finished trials do not differ says nothing about a trial that differs in it.
    strange = bool((np.abs(new - known[0])[~varying] > 1e-9).any())
    if strange:
        return (None,) * (epochs - 1)
    return tuple(
        _forecast(log_error(curves[:, :epoch]), ends, known[:, varying], new[varying], optimism)
        for epoch in range(1, epochs)
    )


def _forecast(
    readings: FloatArray, ends: FloatArray, known: FloatArray, new: FloatArray, optimism: float
) -> Forecast | None:
    lags = readings[:, ::-1][:, :LAGS]
    inputs = np.concatenate([lags, known], axis=1)
    centre, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    z = (inputs - centre) / scale
    count, mean = len(z), float(ends.mean())
    values, vectors = np.linalg.eigh(z.T @ z)
    rotated = z @ vectors
    best: tuple[float, FloatArray, float] | None = None
    for ridge in _RIDGES:
        inverse = 1.0 / (np.maximum(values, 0.0) + ridge)
        hat = (rotated**2) @ inverse + 1.0 / count
        residuals = ends - mean - rotated @ (inverse * (rotated.T @ (ends - mean)))
        error = float(np.mean((residuals / np.maximum(1.0 - hat, 0.1)) ** 2))
        if best is None or error < best[0]:
            best = error, inverse, count - float(hat.sum())
    assert best is not None
    error, inverse, freedom = best
    if freedom < 1.0:
        return None
    covariance = (vectors * inverse) @ vectors.T
    slopes = covariance @ (z.T @ (ends - mean)) / scale
    covariance = covariance / np.outer(scale, scale)
    width = lags.shape[1]
    # The leverage (x - centre) covariance (x - centre) as a polynomial in the readings, the new features put in.
    offset = np.concatenate([-centre[:width], new - centre[width:]])
    return Forecast(
        intercept=mean + float(slopes @ offset),
        weights=tuple(slopes[:width].tolist()),
        spread=float(stdtrit(freedom, optimism)) * math.sqrt(error),
        constant=float(offset @ covariance @ offset) + 1.0 / count,
        linear=tuple((2.0 * (covariance @ offset)[:width]).tolist()),
        square=tuple(map(tuple, covariance[:width, :width].tolist())),
    )
