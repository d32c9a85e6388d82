"""Expected hypervolume improvement against moocore's hypervolumes and plain sampling."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.search.known_cost.acquisition import Front, expected_improvement
from dse.search.known_cost.axes import Floats
from dse.search.known_cost.readings import Link

FLOOR = 0.1


def points(count: int, costs: int, seed: int) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(seed)
    return generator.uniform(0.05, 0.95, count), generator.uniform(0.0, 1.1, (count, costs))


def volume(accuracy: Floats, costs: Floats) -> float:
    table = np.concatenate([-accuracy[:, None], costs], axis=1)
    return float(moocore.hypervolume(table, ref=[-FLOOR, *[1.0] * costs.shape[1]])) if len(table) else 0.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 12), costs=st.sampled_from([1, 2]))
def test_a_certain_gain_is_the_difference_of_two_hypervolumes(seed: int, count: int, costs: int) -> None:
    accuracy, table = points(count, costs, seed)
    new_accuracy, new_costs = points(5, costs, seed + 1)
    front, link = Front.of(accuracy, table, FLOOR), Link("linear")
    gains = expected_improvement(front, link, link.forward(new_accuracy), np.full(5, 1e-12), new_costs)
    for gain, a, c in zip(gains, new_accuracy, new_costs, strict=True):
        grown = volume(np.append(accuracy, a), np.concatenate([table, c[None, :]]))
        assert gain == pytest.approx(grown - volume(accuracy, table), abs=1e-9)


def test_with_three_costs_the_gain_is_near_the_difference_of_hypervolumes() -> None:
    accuracy, table = points(15, 3, 0)
    new_accuracy, new_costs = points(20, 3, 1)
    front, link = Front.of(accuracy, table, FLOOR), Link("linear")
    gains = expected_improvement(front, link, link.forward(new_accuracy), np.full(20, 1e-12), new_costs)
    before = volume(accuracy, table)
    pairs = zip(new_accuracy, new_costs, strict=True)
    exact = [volume(np.append(accuracy, a), np.vstack([table, c])) - before for a, c in pairs]
    assert gains == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("name", ["log", "logit"])
def test_the_expectation_is_that_of_sampled_outcomes(name: str) -> None:
    accuracy, table = points(8, 2, 3)
    front, link = Front.of(accuracy, table, FLOOR), Link(name)  # type: ignore[arg-type]
    mean, deviation, costs = np.array([0.3]), np.array([0.2]), np.array([[0.1, 0.3]])
    sampled = link.backward(mean + deviation * np.random.default_rng(0).normal(size=3000))
    before = volume(accuracy, table)
    gains = [volume(np.append(accuracy, a), np.vstack([table, costs])) - before for a in sampled]
    assert expected_improvement(front, link, mean, deviation, costs)[0] == pytest.approx(np.mean(gains), rel=0.05)


def test_a_cost_that_is_only_nearly_known_is_averaged_over() -> None:
    front, link = Front.of(np.array([0.8]), np.array([[0.5, 0.5]]), FLOOR), Link("linear")
    mean, deviation = link.forward(np.array([0.8])), np.array([1e-12])
    costs, error = np.array([[0.5, 0.5]]), np.array([[0.0, 0.1]])
    exact = expected_improvement(front, link, mean, deviation, costs)
    nearly = expected_improvement(front, link, mean, deviation, costs, error)
    assert exact[0] == pytest.approx(0.0)
    assert nearly[0] > 0.0
