"""Budgets out of reach: what is said about them is what looking at every configuration says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cost_models import InputError
from dse.search import limits
from dse.search.limits import in_units
from dse.search.reachable import check_reachable, contributions, find_conflict
from tests.dse.search.test_limits import EVERY_ROW, brute_force, gate

#: Pruning saves weights and needs an index: both cannot be small.
WEIGHTS, INDEX = "weight_memory_bytes", "index_memory_bytes"


def tight() -> dict[str, float]:
    weights, index = np.array(brute_force(WEIGHTS)), np.array(brute_force(INDEX))
    return {WEIGHTS: float(weights.min()) * 1.05, INDEX: float(index.max()) * 0.3}


def ratios() -> np.ndarray:
    wanted = tight()
    return np.stack([np.array(brute_force(name)) / limit for name, limit in wanted.items()], axis=1)


@pytest.mark.parametrize("cost", ["memory_bytes", "energy_joules", "latency_seconds", "synops"])
def test_the_layers_contributions_add_up_to_the_smallest_value(cost: str) -> None:
    row = gate().cheapest({cost: 1.0})
    parts = contributions(gate(), row, cost)
    assert sum(value for _, value in parts) == pytest.approx(min(brute_force(cost)))
    assert [value for _, value in parts] == sorted((value for _, value in parts), reverse=True)


def test_a_limit_out_of_reach_names_the_heaviest_layer_and_its_share() -> None:
    row = gate().cheapest({"memory_bytes": 1.0})
    (layer, value), *_ = contributions(gate(), row, "memory_bytes")
    share = value / min(brute_force("memory_bytes"))
    with pytest.raises(InputError) as caught:
        check_reachable(gate(memory_bytes=10.0), "constraints")
    assert f"({layer} {in_units('memory_bytes', value)}, {share:.0%}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_limits_that_exclude_each_other_are_told_with_how_far_they_are_away() -> None:
    conflict = find_conflict(gate(**tight()))
    assert conflict is not None
    expected = ratios()
    assert conflict.factor == conflict.bound == pytest.approx(expected.max(axis=1).min())
    for index, (name, limit) in enumerate(tight().items()):
        kept = expected[expected[:, 1 - index] <= 1.0]
        assert conflict.alone[name] == pytest.approx(kept[:, index].min() * limit)
    with pytest.raises(InputError, match=r"can be met alone but not all together: .* times the limits") as caught:
        check_reachable(gate(**tight()), "constraints")
    assert f"{WEIGHTS} comes down to {in_units(WEIGHTS, conflict.alone[WEIGHTS])}" in str(caught.value)


def test_in_a_space_too_large_to_be_listed_the_bound_is_below_and_the_row_above_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LISTED_SPACE", 0)
    conflict = find_conflict(gate(**tight()))
    assert conflict is not None
    truth = ratios().max(axis=1).min()
    assert conflict.bound <= truth * (1 + 1e-9)
    assert truth * (1 - 1e-9) <= conflict.factor


def test_limits_that_some_configuration_keeps_are_never_refused() -> None:
    weights, index = np.array(brute_force(WEIGHTS)), np.array(brute_force(INDEX))
    energy = np.array(brute_force("energy_joules"))
    for row in range(0, len(EVERY_ROW), 17):
        kept = {WEIGHTS: weights[row], INDEX: max(index[row], 1.0), "energy_joules": energy[row]}
        check_reachable(gate(**kept), "constraints")


def test_a_corner_keeps_the_limits_and_is_found_whenever_there_is_one() -> None:
    for scale_weights, scale_index in itertools.product((1.0, 1.05, 1.5, 3.0), (0.1, 0.3, 1.0)):
        wanted = {
            WEIGHTS: min(brute_force(WEIGHTS)) * scale_weights,
            INDEX: max(brute_force(INDEX)) * scale_index,
        }
        judge = gate(**wanted)
        possible = bool(judge.fits(EVERY_ROW).any())
        assert (judge.corner is not None) == possible
        assert judge.corner is None or judge.fits(judge.corner[None, :])[0]
