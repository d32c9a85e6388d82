"""Forecasts of the ends of trainings: honest on drawn curves, and the same as scikit-learn's from the same parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import Ridge

from cost_models import Configuration
from dse import curve_forecast
from dse.curve_forecast import FEWEST_CURVES, CurveModel, features
from studies.membership import log_error
from tests.dse.search.synthetic import WORKLOAD

Array = NDArray[np.float64]
EPOCHS = 6
RISKS = (0.02,) * (EPOCHS - 1)


def drawn(count: int, seed: int) -> tuple[Array, Array]:
    """Curves that rise towards an end which depends on two features, and those features."""
    rng = np.random.default_rng(seed)
    known = rng.uniform(0.0, 1.0, (count, 2))
    ends = 3.0 - 1.5 * known[:, 0] - 0.5 * known[:, 1] + rng.normal(0.0, 0.1, count)
    shares = np.array([0.4, 0.6, 0.75, 0.85, 0.95, 1.0])
    noise = rng.normal(0.0, 0.05, (count, EPOCHS)) * (shares < 1.0)
    return np.clip(1.01 - np.exp(-(ends[:, None] * shares + noise)), 0.0, 1.0), known


def fitted(curves: Array, known: Array) -> CurveModel:
    model = CurveModel.fit(curves, known)
    assert model is not None
    return model


@pytest.mark.parametrize("count", [10, 20, 80])
def test_trainings_end_above_their_optimistic_forecast_no_more_often_than_given(count: int) -> None:
    above = total = 0
    for seed in range(15):
        curves, known = drawn(count + 10, seed)
        model = fitted(curves[:count], known[:count])
        for index in range(count, count + 10):
            for epoch, forecast in enumerate(model.forecasts(known[index], RISKS), start=1):
                above += curves[index, -1] > forecast.optimistic(curves[index, :epoch])
                total += 1
    assert above / total <= 1.3 * RISKS[0]


def test_few_curves_give_wider_forecasts_than_many() -> None:
    widths = []
    for count in (10, 20, 80):
        width = []
        for seed in range(10):
            curves, known = drawn(count + 1, seed)
            forecast = fitted(curves[:count], known[:count]).forecasts(known[count], RISKS)[2]
            start = list(curves[count, :3])
            width.append(float(log_error(forecast.optimistic(start)) - log_error(forecast.mean(start))))
        widths.append(np.mean(width))
    assert widths[0] > widths[1] > widths[2]


def test_a_curve_unlike_all_others_gets_a_wider_forecast() -> None:
    curves, known = drawn(30, 0)
    forecast = fitted(curves[:29], known[:29]).forecasts(known[29], RISKS)[3]

    def width(curve: list[float]) -> float:
        return float(log_error(forecast.optimistic(curve)) - log_error(forecast.mean(curve)))

    usual = list(curves[29, :4])
    assert width([*usual[:3], 0.1]) > 1.2 * width(usual)


def test_nothing_is_forecast_from_fewer_curves_than_the_minimum() -> None:
    curves, known = drawn(FEWEST_CURVES, 0)
    assert CurveModel.fit(curves[:-1], known[:-1]) is None
    assert len(fitted(curves, known).forecasts(known[0], RISKS)) == EPOCHS - 1


def test_nothing_is_forecast_for_a_choice_that_no_finished_training_had() -> None:
    curves, known = drawn(20, 0)
    model = fitted(curves, np.column_stack([known, np.full(20, 4.0)]))
    assert model.forecasts(np.array([0.5, 0.5, 4.0]), RISKS)
    assert not model.forecasts(np.array([0.5, 0.5, 2.0]), RISKS)


@pytest.mark.parametrize("pairs", [0.0, 1.0])
def test_what_the_configuration_lets_expect_is_that_of_scikit_learns_gaussian_process(
    monkeypatch: pytest.MonkeyPatch, pairs: float
) -> None:
    monkeypatch.setattr(curve_forecast, "_RIDGES", (1.0,))
    monkeypatch.setattr(curve_forecast, "_PAIRS", (pairs,))
    curves, known = drawn(30, 1)
    forecast = fitted(curves[:29], known[:29]).forecasts(known[29], RISKS)[3]
    inputs = (known - known[:29].mean(axis=0)) / known[:29].std(axis=0) / np.sqrt(2)
    readings = log_error(curves[:29])
    line = DotProduct(0.0, "fixed")
    kernel = line + ConstantKernel(pairs, "fixed") * line * line if pairs else line
    theirs = GaussianProcessRegressor(kernel, alpha=1.0, optimizer=None).fit(
        inputs[:29], readings - readings.mean(axis=0)
    )
    expected = theirs.predict(inputs[29:])[0] + readings.mean(axis=0)
    assert forecast.end == pytest.approx(expected[-1], abs=1e-9)
    assert forecast.expected == pytest.approx(expected[1:4], abs=1e-9)


def test_the_end_follows_from_the_leave_one_out_errors_by_scikit_learns_ridge_regression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curve_forecast, "_RIDGES", (1.0,))
    monkeypatch.setattr(curve_forecast, "_PAIRS", (0.0,))
    curves, known = drawn(30, 1)
    readings = log_error(curves)
    inputs = (known - known.mean(axis=0)) / known.std(axis=0) / np.sqrt(2)
    kernel = DotProduct(0.0, "fixed")
    errors = np.empty_like(readings)
    for index in range(30):
        rest = np.arange(30) != index
        theirs = GaussianProcessRegressor(kernel, alpha=1.0, optimizer=None)
        theirs.fit(inputs[rest], readings[rest] - readings.mean(axis=0))
        mean, deviation = theirs.predict(inputs[[index]], return_std=True)
        variance = deviation[0, 0] ** 2 + 1.0
        errors[index] = (readings[index] - readings.mean(axis=0) - mean[0]) / np.sqrt(variance)
    last = errors[:, 1:4]
    prior = float((last**2).sum() / 3 / 30)
    regression = Ridge(alpha=prior, fit_intercept=False).fit(last, errors[:, -1])
    forecast = fitted(curves, known).forecasts(known[0], RISKS)[3]
    assert forecast.weights == pytest.approx(regression.coef_, rel=1e-6)


def test_more_compression_in_any_layer_moves_its_feature() -> None:
    plain = features(Configuration.uniform(WORKLOAD, time_steps=2))
    pruned = features(Configuration.uniform(WORKLOAD, time_steps=2, pruning_ratio=0.5))
    assert len(plain) == len(pruned)
    assert sum(a != b for a, b in zip(plain, pruned, strict=True)) == len(WORKLOAD.compressible)
