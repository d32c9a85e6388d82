from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import IntDistribution

from dse.search.known_cost.problem import Problem
from dse.search.known_cost.start import POINTS, start_row
from tests.dse.search.known_cost import toy


@given(st.integers(0, 2**31))
def test_a_repaired_row_keeps_the_limit_and_costs_no_more(seed: int) -> None:
    problem, generator = toy.problem(), np.random.default_rng(seed)
    rows = problem.axes.random(50, generator)
    repaired = problem.repaired(rows, generator.exponential(size=rows.shape) + 0.02)
    assert problem.fits(repaired).all()
    assert (problem.raw_costs(repaired) <= problem.raw_costs(rows) + 1e-9).all()
    kept = problem.fits(rows)
    assert np.array_equal(repaired[kept], rows[kept])


def test_costs_are_scaled_from_the_cheapest_corner_to_the_dearest_that_fits() -> None:
    problem = toy.problem()
    every = problem.axes.random(5000, np.random.default_rng(1))
    costs = problem.costs(every[problem.fits(every)])
    assert costs.min() >= 0.0
    assert costs.max(axis=0) == pytest.approx([1.0, 1.0], abs=0.1)


def test_limits_that_nothing_keeps_are_refused() -> None:
    space = {"a": IntDistribution(0, 3), "b": IntDistribution(0, 3)}
    problem = Problem.of(space, {}, {}, lambda columns: np.ones(len(columns["a"])))
    with pytest.raises(ValueError, match="no configuration"):
        _ = problem.corner


def test_a_limit_that_the_cheapest_corner_breaks_is_kept_by_another_row() -> None:
    # An index makes mild pruning dearer than none: the cheap end of one axis alone is not enough.
    space = {"a": IntDistribution(0, 3), "b": IntDistribution(0, 3)}
    problem = Problem.of(space, {}, {}, lambda columns: 2.5 - columns["a"] + 0.0 * columns["b"])
    assert problem.fits(problem.corner[None, :])[0]


@pytest.mark.parametrize("index", range(len(POINTS)))
def test_start_points_keep_the_limit_and_spread_over_the_cost_range(index: int) -> None:
    problem = toy.problem()
    rows = np.array([start_row(problem, index, np.random.default_rng(seed)) for seed in range(20)])
    assert problem.fits(rows).all()
    memory = problem.costs(rows)[:, 0]
    assert memory.mean() == pytest.approx(POINTS[index][0], abs=0.25)
