"""The stopping rule: forecasts are honest on drawn curves, and a worker's decision is a pure function of them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct

from cost_models import Configuration
from dse import early_stopping
from dse.early_stopping import FEWEST_CURVES, CurveModel, StoppingRule, accuracy_of, features, log_error
from studies import State
from tests.dse.search.synthetic import WORKLOAD

Array = NDArray[np.float64]
EPOCHS = 6


def drawn(count: int, seed: int) -> tuple[Array, Array]:
    """Curves that rise towards an end which depends on two features, and those features."""
    rng = np.random.default_rng(seed)
    known = rng.uniform(0.0, 1.0, (count, 2))
    ends = 3.0 - 1.5 * known[:, 0] - 0.5 * known[:, 1] + rng.normal(0.0, 0.1, count)
    shares = np.array([0.4, 0.6, 0.75, 0.85, 0.95, 1.0])
    noise = rng.normal(0.0, 0.05, (count, EPOCHS)) * (shares < 1.0)
    return np.clip(1.01 - np.exp(-(ends[:, None] * shares + noise)), 0.0, 1.0), known


@pytest.mark.parametrize("count", [10, 20, 80])
def test_at_most_about_one_training_in_a_hundred_ends_above_its_optimistic_forecast(count: int) -> None:
    above = total = 0
    for seed in range(15):
        curves, known = drawn(count + 10, seed)
        model = CurveModel.fit(curves[:count], known[:count])
        for index in range(count, count + 10):
            for epoch, forecast in enumerate(model.forecasts(known[index]), start=1):
                assert forecast is not None
                above += curves[index, -1] > forecast.optimistic(curves[index, :epoch])
                total += 1
    assert above / total <= 0.02


def test_few_curves_give_wider_forecasts_than_many() -> None:
    widths = []
    for count in (10, 20, 80):
        width = []
        for seed in range(10):
            curves, known = drawn(count + 1, seed)
            forecast = CurveModel.fit(curves[:count], known[:count]).forecasts(known[count])[2]
            assert forecast is not None
            start = list(curves[count, :3])
            width.append(float(log_error(forecast.optimistic(start)) - log_error(forecast.expected(start))))
        widths.append(np.mean(width))
    assert widths[0] > widths[1] > widths[2]


def test_nothing_is_forecast_from_fewer_curves_than_the_minimum() -> None:
    curves, known = drawn(FEWEST_CURVES, 0)
    assert CurveModel.fit(curves[:-1], known[:-1]).forecasts(known[0]) == (None,) * (EPOCHS - 1)
    assert any(CurveModel.fit(curves, known).forecasts(known[0]))


def test_nothing_is_forecast_for_a_choice_that_no_finished_training_had() -> None:
    curves, known = drawn(20, 0)
    same = np.column_stack([known, np.full(20, 4.0)])
    assert any(CurveModel.fit(curves, same).forecasts(np.array([0.5, 0.5, 4.0])))
    assert not any(CurveModel.fit(curves, same).forecasts(np.array([0.5, 0.5, 2.0])))


@pytest.mark.parametrize("pairs", [0.0, 1.0])
def test_the_forecast_is_that_of_scikit_learns_gaussian_process(monkeypatch: pytest.MonkeyPatch, pairs: float) -> None:
    monkeypatch.setattr(early_stopping, "_RIDGES", (1.0,))
    monkeypatch.setattr(early_stopping, "_PAIRS", (pairs,))
    curves, known = drawn(30, 1)
    model = CurveModel.fit(curves[:29], known[:29])
    forecast = model.forecasts(known[29])[3]
    assert forecast is not None
    inputs = np.concatenate([log_error(curves[:, [3, 2, 1]]), known], axis=1)
    inputs = (inputs - inputs[:29].mean(axis=0)) / inputs[:29].std(axis=0) / np.sqrt(5)
    ends = log_error(curves[:29, -1])
    line = DotProduct(0.0, "fixed")
    kernel = line + ConstantKernel(pairs, "fixed") * line * line if pairs else line
    theirs = GaussianProcessRegressor(kernel, alpha=1.0, optimizer=None).fit(inputs[:29], ends - ends.mean())
    mean, deviation = theirs.predict(inputs[29:], return_std=True)
    curve = list(curves[29, :4])
    assert forecast.expected(curve) == pytest.approx(accuracy_of(float(mean[0] + ends.mean())), abs=1e-9)
    # Theirs has no noise, and the variance of all is ours to estimate.
    epoch = model.epochs[3]
    assert epoch is not None
    spread = np.sqrt(epoch.variance * (deviation[0] ** 2 + 1.0)) * forecast.width
    assert forecast.optimistic(curve) == pytest.approx(accuracy_of(float(mean[0] + ends.mean() + spread)), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.0, 1.0), st.integers(1, EPOCHS - 1))
def test_a_training_stops_exactly_when_its_optimistic_end_is_below_what_is_needed(
    seed: int, needed: float, epoch: int
) -> None:
    curves, known = drawn(21, seed)
    forecasts = CurveModel.fit(curves[:20], known[:20]).forecasts(known[20])
    rule = StoppingRule(needed, 7, EPOCHS, forecasts)
    forecast = forecasts[epoch - 1]
    assert forecast is not None
    curve = list(curves[20, :epoch])
    assert rule.stops(curve) == (forecast.optimistic(curve) < needed)


def test_a_finished_training_and_one_without_forecasts_never_stop() -> None:
    curves, known = drawn(21, 0)
    rule = StoppingRule(2.0, 7, EPOCHS, CurveModel.fit(curves[:20], known[:20]).forecasts(known[20]))
    assert rule.stops(list(curves[20, :1]))
    assert not rule.stops(list(curves[20]))
    assert not rule.stops([])
    assert not StoppingRule(2.0, 7, EPOCHS, (None,) * (EPOCHS - 1)).stops([0.1])


def test_a_rule_survives_the_way_to_a_worker_and_decides_the_same() -> None:
    curves, known = drawn(21, 3)
    rule = StoppingRule(0.8, 7, EPOCHS, CurveModel.fit(curves[:20], known[:20]).forecasts(known[20]))
    assert pickle.loads(pickle.dumps(rule)) == rule


def test_a_stopped_trial_keeps_its_curve_what_was_expected_and_the_reason() -> None:
    curves, known = drawn(21, 3)
    rule = StoppingRule(0.999, 7, EPOCHS, CurveModel.fit(curves[:20], known[:20]).forecasts(known[20]))
    curve = list(curves[20, :2])
    stopped = rule.stopped(4, 11, Configuration.uniform(WORKLOAD, time_steps=2), curve, 1.5)
    assert (stopped.trial, stopped.seed, stopped.state, stopped.seconds) == (4, 11, State.STOPPED, 1.5)
    assert stopped.curve == tuple(curve)
    assert stopped.expected_accuracy is not None
    assert curve[-1] < stopped.expected_accuracy < 0.999
    assert stopped.reason.startswith("stopped after epoch 2 of 6: ")
    assert "trial 7 has 99.9% at no more cost" in stopped.reason


def test_more_compression_in_any_layer_moves_its_feature() -> None:
    plain = features(Configuration.uniform(WORKLOAD, time_steps=2))
    pruned = features(Configuration.uniform(WORKLOAD, time_steps=2, pruning_ratio=0.5))
    assert len(plain) == len(pruned)
    assert sum(a != b for a, b in zip(plain, pruned, strict=True)) == len(WORKLOAD.compressible)
