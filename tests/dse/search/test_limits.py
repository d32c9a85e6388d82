from __future__ import annotations

import itertools
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import CostReport, InputError, estimate, load_hardware
from dse.search.limits import CostGate, in_units, quiet
from dse.search.reachable import check_reachable
from dse.search.suggest import SearchSpace
from studies import Choices, DesignSpace
from tests.dse.search.synthetic import DENSITIES, WORKLOAD

HARDWARE = load_hardware("edge_asic_45nm")
MEASURED = WORKLOAD.with_densities(DENSITIES)
SMALL = SearchSpace.of(
    DesignSpace(Choices((0.0, 0.9)), Choices((2, 8)), Choices((4,)), Choices((1, 3))),
    WORKLOAD,
)
EVERY_ROW = np.array(list(itertools.product(*(range(len(p.values)) for p in SMALL.free))), dtype=np.intp)


def gate(**limits: float) -> CostGate:
    return CostGate(SMALL, MEASURED, HARDWARE, limits)


@lru_cache
def every_report() -> tuple[CostReport, ...]:
    return tuple(estimate(MEASURED, SMALL.configuration_at(row), HARDWARE) for row in EVERY_ROW)


def brute_force(cost: str) -> list[float]:
    return [getattr(report.total, cost) for report in every_report()]


@pytest.mark.parametrize("cost", ["memory_bytes", "weight_memory_bytes", "energy_joules", "latency_seconds", "synops"])
def test_the_smallest_reachable_cost_is_the_smallest_of_all_configurations(cost: str) -> None:
    row = gate().cheapest({cost: 1.0})
    assert getattr(estimate(MEASURED, SMALL.configuration_at(row), HARDWARE).total, cost) == min(brute_force(cost))


def test_an_impossible_limit_is_named_with_the_smallest_reachable_value() -> None:
    smallest = in_units("memory_bytes", min(brute_force("memory_bytes")))
    with pytest.raises(InputError, match=f"memory_bytes is 10 B, but the smallest .* is {smallest}"):
        check_reachable(gate(memory_bytes=10.0), "constraints")


def test_the_smallest_reachable_value_itself_is_a_possible_limit() -> None:
    check_reachable(gate(memory_bytes=min(brute_force("memory_bytes"))), "constraints")


def test_a_configuration_fits_when_every_cost_is_at_most_its_limit() -> None:
    memory, energy = np.array(brute_force("memory_bytes")), np.array(brute_force("energy_joules"))
    limits = {"memory_bytes": float(np.median(memory)), "energy_joules": float(np.median(energy))}
    expected = (memory <= limits["memory_bytes"]) & (energy <= limits["energy_joules"])
    np.testing.assert_array_equal(gate(**limits).fits(EVERY_ROW), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 1.0))
def test_a_draw_keeps_the_limits_and_is_new(seed: int, tightness: float) -> None:
    memory = sorted(brute_force("memory_bytes"))
    judge = gate(memory_bytes=memory[int(tightness * (len(memory) - 1))])
    taken = {SMALL.identity_at(row) for row in EVERY_ROW[::2]}
    row = judge.draw(taken, np.random.default_rng(seed))
    left = [r for r in EVERY_ROW[judge.fits(EVERY_ROW)] if SMALL.identity_at(r) not in taken]
    assert (row is None) == (not left)
    if row is not None:
        assert judge.fits(row[None, :])[0]
        assert SMALL.identity_at(row) not in taken


def test_nothing_is_drawn_from_a_space_that_is_used_up() -> None:
    taken = {SMALL.identity_at(row) for row in EVERY_ROW}
    assert gate().draw(taken, np.random.default_rng(0)) is None


def test_a_workload_without_spikes_is_never_dearer() -> None:
    for row in EVERY_ROW[::7]:
        configuration = SMALL.configuration_at(row)
        silent = estimate(quiet(WORKLOAD), configuration, HARDWARE).total
        assert silent.energy_joules <= estimate(MEASURED, configuration, HARDWARE).total.energy_joules


def test_time_steps_can_be_limited() -> None:
    judge = gate(time_steps=1.0)
    check_reachable(judge, "constraints")
    assert {SMALL.configuration_at(row).time_steps for row in EVERY_ROW[judge.fits(EVERY_ROW)]} == {1}


def test_the_search_for_the_smallest_cost_is_exact_where_on_chip_memory_is_too_small() -> None:
    cramped = replace(HARDWARE, sram=replace(HARDWARE.sram, capacity_bytes=1000))
    judge = CostGate(SMALL, MEASURED, cramped, {})
    row = judge.cheapest({"energy_joules": 1.0})
    energies = [estimate(MEASURED, SMALL.configuration_at(r), cramped).total.energy_joules for r in EVERY_ROW]
    assert estimate(MEASURED, SMALL.configuration_at(row), cramped).total.energy_joules == min(energies)
