from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cost_models import load_hardware
from dse.search.additive_costs import AdditiveCost
from dse.search.forecast import CostForecast
from dse.search.limits import CostGate
from dse.search.suggest import SearchSpace
from studies import Choices, DesignSpace
from tests.dse.search.synthetic import SPACE, WORKLOAD, make_study

HARDWARE = load_hardware(make_study().hardware)


def gate(limits: dict[str, float], space: DesignSpace = SPACE, **settings: Any) -> CostGate:
    return CostGate(SearchSpace.of(space, WORKLOAD), WORKLOAD, HARDWARE, limits, **settings)


def test_memory_is_a_sum_over_layers_and_the_table_gives_what_the_cost_model_gives() -> None:
    judge = gate({"memory_bytes": 1500.0})
    table = judge.additive("memory_bytes")
    assert table is not None
    rows = judge.space.random_rows(500, np.random.default_rng(5))
    np.testing.assert_allclose(table(rows), judge.costs(rows)["memory_bytes"], rtol=1e-12)


def test_a_product_of_two_layers_is_not_taken_for_a_sum() -> None:
    space = SearchSpace.of(SPACE, WORKLOAD)
    assert AdditiveCost.of(space, lambda rows: 1.0 + rows[:, 0] * rows[:, 3].astype(float)) is None
    assert AdditiveCost.of(space, lambda rows: 1.0 + rows[:, 0] + rows[:, 3].astype(float)) is not None


def test_a_limit_that_skips_losing_layers_is_not_looked_up() -> None:
    assert gate({"memory_bytes": 1500.0}, skips_losing=True).additive("memory_bytes") is None


@pytest.mark.parametrize("place", [0, 7, 200])
def test_a_configuration_on_the_limit_keeps_it_and_the_next_dearer_one_does_not(place: int) -> None:
    space = DesignSpace(weight_bits=Choices((2, 3, 4, 6, 8)), pruning_ratio=Choices((0.0, 0.31, 0.77)))
    free = gate({"memory_bytes": 1.0}, space)
    rows = free.space.random_rows(400, np.random.default_rng(1))
    costs = np.unique(free.costs(rows)["memory_bytes"])
    judge = gate({"memory_bytes": float(costs[place])}, space)
    columns = {p.name: np.array(p.values)[rows[:, i]] for i, p in enumerate(judge.space.free)}
    kept = CostForecast(judge).excess(columns)[:, 0] <= 0.0
    np.testing.assert_array_equal(kept, judge.fits(rows))
