"""The choice of the best point inside limits, against a plain search over all points."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError
from dse.budget import Limits, best_point, nearest_reachable

MINIMIZE = ("memory_bytes", "energy_joules")


def point(
    trial: int, accuracy: float | None, memory: float, energy: float = 1.0, latency: float = 1.0
) -> dict[str, Any]:
    cost = {"memory_bytes": memory, "energy_joules": energy, "latency_seconds": latency}
    return {"trial": trial, "accuracy_validation": accuracy, "cost": cost}


numbers = st.integers(1, 6).map(float)
points = st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=12).map(
    lambda rows: [point(trial, a / 10, m, e, t) for trial, (a, m, e, t) in enumerate(rows)]
)
limits = st.builds(
    Limits,
    st.dictionaries(st.sampled_from(["memory_bytes", "energy_joules", "latency_seconds"]), numbers),
    st.none() | numbers.map(lambda share: share / 10),
)

FRONT = [
    point(0, 0.99, 4000.0, 4.0),
    point(1, 0.97, 1000.0, 3.0),
    point(2, 0.97, 2000.0, 2.0),
    point(3, 0.9, 500.0, 1.0),
]


def test_without_limits_the_most_accurate_point_wins() -> None:
    best = best_point(FRONT, Limits(), MINIMIZE)
    assert best is not None
    assert best["trial"] == 0


def test_equal_accuracy_goes_to_the_smaller_memory() -> None:
    best = best_point(FRONT, Limits({"memory_bytes": 3000.0}), MINIMIZE)
    assert best is not None
    assert best["trial"] == 1


def test_a_limit_that_is_met_exactly_is_kept() -> None:
    best = best_point(FRONT, Limits({"memory_bytes": 4000.0}, 0.99), MINIMIZE)
    assert best is not None
    assert best["trial"] == 0


def test_with_a_least_accuracy_the_smallest_memory_wins() -> None:
    best = best_point(FRONT, Limits(min_accuracy=0.95), MINIMIZE)
    assert best is not None
    assert best["trial"] == 1


def test_with_a_least_accuracy_and_limited_memory_the_smallest_energy_wins() -> None:
    best = best_point(FRONT, Limits({"memory_bytes": 3000.0}, 0.95), MINIMIZE)
    assert best is not None
    assert best["trial"] == 2


def test_with_every_minimised_cost_limited_the_accuracy_decides() -> None:
    best = best_point(FRONT, Limits({"memory_bytes": 5000.0, "energy_joules": 5.0}, 0.5), MINIMIZE)
    assert best is not None
    assert best["trial"] == 0


def test_a_point_whose_accuracy_was_not_measured_is_chosen_last() -> None:
    best = best_point([point(0, None, 1.0), point(1, 0.1, 2.0)], Limits(), MINIMIZE)
    assert best is not None
    assert best["trial"] == 1


def test_nothing_is_chosen_where_nothing_fits() -> None:
    assert best_point(FRONT, Limits({"memory_bytes": 100.0}), MINIMIZE) is None


@given(points, limits)
def test_the_choice_keeps_the_limits_and_no_point_that_keeps_them_is_more_accurate(
    candidates: list[dict[str, Any]], asked: Limits
) -> None:
    best = best_point(candidates, Limits(asked.upper), MINIMIZE)
    fitting = [p for p in candidates if all(p["cost"][name] <= most for name, most in asked.upper.items())]
    if not fitting:
        assert best is None
    else:
        assert best in fitting
        assert best["accuracy_validation"] == max(p["accuracy_validation"] for p in fitting)


@given(points, limits)
def test_the_choice_does_not_depend_on_the_order_of_the_points(candidates: list[dict[str, Any]], asked: Limits) -> None:
    assert best_point(candidates, asked, MINIMIZE) == best_point(candidates[::-1], asked, MINIMIZE)


@given(points, limits)
def test_a_limit_moved_to_its_nearest_reachable_value_can_be_kept(
    candidates: list[dict[str, Any]], asked: Limits
) -> None:
    for reachable in nearest_reachable(candidates, asked):
        others = asked if reachable.others_kept else Limits()
        if reachable.name == "accuracy":
            moved = Limits(others.upper, reachable.value)
        else:
            moved = Limits({**others.upper, reachable.name: reachable.value}, others.min_accuracy)
        assert best_point(candidates, moved, MINIMIZE) is not None


def test_the_nearest_reachable_value_keeps_the_other_limits_where_that_is_possible() -> None:
    memory, accuracy = nearest_reachable(FRONT, Limits({"memory_bytes": 600.0}, 0.95))
    assert (memory.name, memory.value, memory.trial, memory.others_kept) == ("memory_bytes", 1000.0, 1, True)
    assert (accuracy.name, accuracy.value, accuracy.trial, accuracy.others_kept) == ("accuracy", 0.9, 3, True)


def test_nothing_is_reachable_without_points() -> None:
    assert nearest_reachable([], Limits({"memory_bytes": 1.0})) == ()


def test_limits_are_read_as_people_write_them() -> None:
    asked = Limits.of(max_memory="2KiB", max_energy="5 uJ", max_latency=0.003, min_accuracy="97.5%")
    assert asked.upper == {"memory_bytes": 2048.0, "energy_joules": 5e-6, "latency_seconds": 0.003}
    assert asked.min_accuracy == pytest.approx(0.975)
    assert asked.names == ("memory_bytes", "energy_joules", "latency_seconds", "accuracy")


@pytest.mark.parametrize(
    ("option", "value", "part"),
    [
        ("max_memory", "5uJ", "--max-memory"),
        ("max_memory", "-1KiB", "--max-memory"),
        ("max_energy", math.nan, "--max-energy"),
        ("max_latency", "soon", "--max-latency"),
        ("min_accuracy", "97", "0.97"),
        ("min_accuracy", "high", "--min-accuracy"),
        ("min_accuracy", -0.1, "--min-accuracy"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(option: str, value: Any, part: str) -> None:
    with pytest.raises(InputError, match=part):
        Limits.of(**{option: value})
