"""The accuracy model against finite differences, scipy, scikit-learn and plain leaving-out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution
from scipy.optimize import minimize

from dse.search.known_cost.accuracy_model import AccuracyModel
from dse.search.known_cost.axes import Axes, Floats, Rows, axes_of
from dse.search.known_cost.fit import Data, most_probable
from dse.search.known_cost.mean import MonotoneMean
from dse.search.known_cost.posterior import Amplitudes, Features, Posterior
from dse.search.known_cost.readings import Link, Readings
from tests.dse.search.known_cost import toy


def axes() -> Axes:
    space = {**toy.space(), "method": CategoricalDistribution(("slr", "admm", "none"))}
    return axes_of(space, toy.memory_and_operations)


def drawn_parameters(mean: MonotoneMean, seed: int) -> Floats:
    centre, root = mean.prior(0.1)
    return mean.clipped(centre + root @ np.random.default_rng(seed).normal(size=mean.size))


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_the_derivatives_of_the_mean_are_those_of_finite_differences(seed: int) -> None:
    mean = MonotoneMean(axes())
    theta, rows = drawn_parameters(mean, seed), mean.axes.random(7, np.random.default_rng(seed))
    step = 1e-6 * np.eye(mean.size)
    value, jacobian = mean.jacobian(rows, theta)
    numeric = np.stack([(mean(rows, theta + h) - mean(rows, theta - h)) / 2e-6 for h in step], axis=1)
    assert mean(rows, theta) == pytest.approx(value)
    assert jacobian == pytest.approx(numeric, rel=1e-3, abs=1e-4 * (1.0 + np.abs(numeric).max()))


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_dearer_level_never_costs_accuracy(seed: int) -> None:
    mean = MonotoneMean(axes())
    theta, rows = drawn_parameters(mean, seed), mean.axes.random(20, np.random.default_rng(seed))
    for axis in np.flatnonzero(mean.axes.monotone).tolist():
        dearer = rows.copy()
        dearer[:, axis] = np.minimum(dearer[:, axis] + 1, mean.axes.sizes[axis] - 1)
        assert (mean(dearer, theta) <= mean(rows, theta) + 1e-9).all()


def readings(count: int, seed: int = 0) -> tuple[Axes, Rows, Floats]:
    found = toy.problem().axes
    rows = found.random(count, np.random.default_rng(seed))
    return found, rows, np.array([toy.accuracy(found.choices(row), index) for index, row in enumerate(rows)])


def test_the_fit_is_the_minimum_that_scipy_finds() -> None:
    found, rows, accuracy = readings(40)
    mean, z = MonotoneMean(found), Link("log").forward(accuracy)
    centre, root = mean.prior(float(z.min()))
    data = Data(rows, z, np.full(len(z), 0.02**2), np.zeros(len(z), dtype=bool))

    def loss(white: Floats) -> float:
        residual = data.residual(mean(rows, mean.clipped(centre + root @ white)))
        return float((residual**2 / data.variance).sum() + (white**2).sum())

    ours = loss(np.linalg.solve(root, most_probable(mean, data, centre, root) - centre))
    peer = min(minimize(loss, np.full(mean.size, start), method="BFGS").fun for start in (0.0, 0.1))
    assert ours <= peer * 1.05 + 0.1


def test_a_censored_reading_pulls_only_from_above() -> None:
    data = Data(np.zeros((2, 0), dtype=np.intp), np.array([2.0, 2.0]), np.ones(2), np.array([True, True]))
    assert data.residual(np.array([1.0, 5.0])).tolist() == [1.0, 0.0]


def test_readings_at_chance_are_censored_and_one_low_one_alone_is_not() -> None:
    rows = np.zeros((4, 1), dtype=np.intp)
    low = Readings(rows, np.array([0.1, 0.105, 0.6, 0.9]), np.ones(4))
    assert low.at_chance(0.003).tolist() == [True, True, False, False]
    alone = Readings(rows, np.array([0.1, 0.5, 0.6, 0.9]), np.ones(4))
    assert not alone.at_chance(0.003).any()
    known = Readings(rows, np.array([0.1, 0.5, 0.6, 0.9]), np.ones(4), chance=0.1)
    assert known.at_chance(0.003).tolist() == [True, False, False, False]


@pytest.mark.parametrize("name", ["log", "logit", "linear"])
def test_a_link_and_its_inverse_cancel_and_its_slope_is_right(name: str) -> None:
    link, accuracy = Link(name), np.linspace(0.05, 0.98, 30)  # type: ignore[arg-type]
    assert link.backward(link.forward(accuracy)) == pytest.approx(accuracy)
    numeric = (link.forward(accuracy - 1e-6) - link.forward(accuracy + 1e-6)) / 2e-6
    assert link.slope(accuracy) == pytest.approx(numeric, rel=1e-4)


def posterior(count: int = 30) -> tuple[Posterior, Features, Floats, Rows, Floats]:
    found, rows, accuracy = readings(count)
    mean, z = MonotoneMean(found), Link("log").forward(accuracy)
    centre, root = mean.prior(float(z.min()))
    features = Features(found, mean, drawn_parameters(mean, 1), root)
    return Posterior(features, centre, rows, z, np.ones(count), float(z.var())), features, centre, rows, z


def test_the_prediction_is_that_of_scikit_learns_gaussian_process() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel as Constant
    from sklearn.gaussian_process.kernels import DotProduct, Matern, WhiteKernel

    ours, features, centre, rows, z = posterior()
    ours.amplitudes = Amplitudes(noise=0.02, residual=0.04)
    ours = Posterior(features, centre, rows, z, np.ones(len(z)), float(z.var()), free_effects=False)
    a, spread = ours.amplitudes, float(z.var())
    new = features.axes.random(10, np.random.default_rng(9))

    def split(some: Rows) -> tuple[Floats, Floats, Floats]:
        value, linear = features.parametric(some)
        _, jacobian = features.mean.jacobian(some, features.theta)
        return value + jacobian @ (centre - features.theta), linear, features.place(some)

    base, linear, place = split(rows)
    new_base, new_linear, new_place = split(new)
    # scikit-learn's kernels act on all columns at once, so the two parts are handed in as precomputed products.
    smooth = Constant(a.residual * spread, "fixed") * Matern(1.0, "fixed", nu=2.5)
    covariance = linear @ linear.T + smooth(place) + (a.noise**2 + 1e-6 * spread) * np.eye(len(z))
    cross = new_linear @ linear.T + smooth(new_place, place)
    mean = new_base + cross @ np.linalg.solve(covariance, z - base)
    variance = (
        (new_linear**2).sum(axis=1) + a.residual * spread - (cross * np.linalg.solve(covariance, cross.T).T).sum(axis=1)
    )
    found_mean, found_deviation = ours.predict(new)
    assert found_mean == pytest.approx(mean, rel=1e-6, abs=1e-6)
    assert found_deviation**2 == pytest.approx(variance, rel=1e-3, abs=1e-6)
    # and the linear part alone is a dot-product kernel of a Gaussian process
    peer = GaussianProcessRegressor(
        DotProduct(0.0, "fixed") + WhiteKernel(a.noise**2, "fixed"), optimizer=None, alpha=1e-9
    )
    peer.fit(linear, z - base)
    only = linear @ linear.T + (a.noise**2 + 1e-9) * np.eye(len(z))
    assert peer.predict(new_linear) == pytest.approx(
        new_linear @ linear.T @ np.linalg.solve(only, z - base), rel=1e-4, abs=1e-6
    )


def test_leave_one_out_is_what_leaving_out_gives() -> None:
    ours, _, _, _, _ = posterior(12)
    a = Amplitudes(noise=0.02, residual=0.04, shared=0.05, own=0.05)
    covariance, residual = ours._covariance(a), ours._residual
    densities = []
    for out in range(12):
        rest = [index for index in range(12) if index != out]
        weights = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, out])
        mean, variance = weights @ residual[rest], covariance[out, out] - weights @ covariance[rest, out]
        densities.append(-0.5 * (residual[out] - mean) ** 2 / variance - 0.5 * np.log(variance))
    assert ours.leave_one_out(a) == pytest.approx(float(np.mean(densities)), rel=1e-5)


def test_the_model_learns_which_layer_is_sensitive() -> None:
    found, rows, accuracy = readings(60)
    model = AccuracyModel.fitted(found, Readings(rows, accuracy, np.ones(60), chance=0.1))
    by_name = dict(zip((axis.name for axis in found.axes), model.sensitivities.tolist(), strict=True))
    assert by_name["a/ratio"] > by_name["c/ratio"] > by_name["b/ratio"]


def test_predictions_of_new_configurations_are_as_good_as_the_deviation_says() -> None:
    found, rows, accuracy = readings(60)
    model = AccuracyModel.fitted(found, Readings(rows, accuracy, np.ones(60), chance=0.1))
    new = found.random(200, np.random.default_rng(5))
    mean, deviation = model.predict(new)
    true = np.array([toy.accuracy(found.choices(row)) for row in new])
    assert np.abs(model.link.backward(mean) - true).mean() < 0.03
    assert np.mean(np.abs(model.link.forward(true) - mean) < 3.0 * deviation + 0.02) > 0.9


def test_free_effects_are_let_in_where_the_best_number_of_steps_lies_inside_the_range() -> None:
    found, rows, _ = readings(80)
    steps = np.array([found.choices(row)["steps"] for row in rows])
    accuracy = 0.9 - 0.15 * (steps - 2) ** 2 + np.random.default_rng(0).normal(0.0, 0.003, 80)
    model = AccuracyModel.fitted(found, Readings(rows, accuracy, np.ones(80)))
    mean = [float(model.predict(_at_steps(found, rows[:20], s))[0].mean()) for s in (1, 2, 3, 4)]
    assert int(np.argmin(mean)) == 1
    assert model.posterior.amplitudes.shared + model.posterior.amplitudes.own > 0


def _at_steps(found: Axes, rows: Rows, steps: int) -> Rows:
    moved = rows.copy()
    place = [axis.name for axis in found.axes].index("steps")
    moved[:, place] = found.axes[place].level(steps)
    return moved
