from __future__ import annotations

import itertools
import math
import random

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import Configuration, CostReport, LayerBudget, Totals
from studies import Evaluation, Measurement, Objectives, ParetoFront, State, hypervolume, reference_point

THREE = ("accuracy", "memory_bytes", "energy_joules")
Point = tuple[float, float, float]


def trial(
    number: int, point: Point, *, state: State = State.COMPLETE, bits: int = 8, ratio: float | None = None
) -> Evaluation:
    accuracy, memory, energy = point
    ratio = (number % 1000) / 1000 if ratio is None else ratio
    total = Totals(memory_bytes=memory, energy_joules=energy)
    return Evaluation(
        number,
        0,
        state,
        Configuration((LayerBudget("fc", ratio, bits),), 2),
        cost=CostReport("net", "hw", 2, (), total),
        measurements=(Measurement("validation", "accuracy", 0, accuracy),),
    )


def dominates(one: Point, other: Point) -> bool:
    """The definition, written out: accuracy upwards, the costs downwards."""
    better = (one[0] > other[0], one[1] < other[1], one[2] < other[2])
    worse = (one[0] < other[0], one[1] > other[1], one[2] > other[2])
    return any(better) and not any(worse)


def box_union(points: list[Point], corner: Point) -> float:
    """The hypervolume by inclusion and exclusion over all subsets of boxes."""
    sides = [(max(p[0] - corner[0], 0), max(corner[1] - p[1], 0), max(corner[2] - p[2], 0)) for p in points]
    volume = 0.0
    for size in range(1, len(sides) + 1):
        for subset in itertools.combinations(sides, size):
            volume += (-1) ** (size + 1) * math.prod(min(box[axis] for box in subset) for axis in range(3))
    return volume


# Few levels make ties and equal points common.
levels = st.integers(0, 5).map(lambda level: level / 4)
points = st.lists(st.tuples(levels, levels, levels), max_size=25)


@given(points)
def test_the_front_is_what_a_brute_force_filter_leaves(drawn: list[Point]) -> None:
    trials = [trial(number, point) for number, point in enumerate(drawn)]
    expected = {n for n, point in enumerate(drawn) if not any(dominates(other, point) for other in drawn)}
    front = ParetoFront.of(trials, THREE)
    assert set(front.trials) == expected
    assert len(front.trials) == len(expected)


@given(points, st.randoms())
def test_the_front_does_not_depend_on_the_order_of_the_trials(drawn: list[Point], order: random.Random) -> None:
    trials = [trial(number, point) for number, point in enumerate(drawn)]
    shuffled = order.sample(trials, len(trials))
    assert ParetoFront.of(shuffled, THREE) == ParetoFront.of(trials, THREE)


@given(points.filter(bool), st.data())
def test_a_dominated_trial_changes_nothing(drawn: list[Point], data: st.DataObject) -> None:
    trials = [trial(number, point) for number, point in enumerate(drawn)]
    accuracy, memory, energy = data.draw(st.sampled_from(drawn))
    worse = trial(900, (accuracy, memory + 1, energy))
    assert ParetoFront.of([*trials, worse], THREE) == ParetoFront.of(trials, THREE)


@given(points)
def test_members_are_sorted_best_first_objective_first(drawn: list[Point]) -> None:
    front = ParetoFront.of([trial(number, point) for number, point in enumerate(drawn)], THREE)
    accuracies = [point[0] for point in front.points]
    assert accuracies == sorted(accuracies, reverse=True)


@given(points)
def test_the_hypervolume_is_moocores(drawn: list[Point]) -> None:
    front = ParetoFront.of([trial(number, point) for number, point in enumerate(drawn)], THREE)
    corner = [0.0, 1.1, 1.2]
    expected = moocore.hypervolume(np.array(drawn), ref=corner, maximise=[True, False, False]) if drawn else 0.0
    assert front.hypervolume(corner) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(levels, levels, levels), max_size=7))
def test_the_hypervolume_is_the_union_of_boxes(drawn: list[Point]) -> None:
    front = ParetoFront.of([trial(number, point) for number, point in enumerate(drawn)], THREE)
    corner = (0.1, 1.1, 0.9)
    assert front.hypervolume(corner) == pytest.approx(box_union(drawn, corner), abs=1e-9)


def test_a_point_beyond_the_reference_point_adds_nothing() -> None:
    values = np.array([[0.5, 10.0], [0.9, 30.0]])
    assert hypervolume(values, (0.0, 20.0), (True, False)) == pytest.approx(0.5 * 10)


def test_the_hypervolume_of_one_objective_is_a_length() -> None:
    assert ParetoFront.of([trial(0, (0.75, 1, 1))], ("accuracy",)).hypervolume((0.0,)) == 0.75


def test_without_trials_the_front_is_empty() -> None:
    front = ParetoFront.of([], THREE)
    assert len(front) == 0
    assert front.points.shape == (0, 3)
    assert front.hypervolume((0.0, 1.0, 1.0)) == 0.0


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETE])
def test_only_complete_trials_are_members(state: State) -> None:
    assert ParetoFront.of([trial(0, (0.9, 1, 1)), trial(1, (1.0, 0, 0), state=state)], THREE).trials == (0,)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_value_that_is_not_finite_never_enters_the_front(bad: float, axis: int) -> None:
    point = [1.0, 0.0, 0.0]
    point[axis] = bad
    broken = trial(1, (point[0], point[1], point[2]))
    assert ParetoFront.of([trial(0, (0.9, 1, 1)), broken], THREE).trials == (0,)


def test_a_trial_without_cost_or_accuracy_never_enters_the_front() -> None:
    bare = Evaluation(1, 0, State.COMPLETE, Configuration(()))
    assert ParetoFront.of([bare, trial(0, (0.9, 1, 1))], THREE, {"macs": 1.0}).trials == (0,)


def test_a_trial_over_a_limit_is_no_member_and_dominates_nobody() -> None:
    trials = [trial(0, (0.9, 100, 1)), trial(1, (0.8, 100.5, 0.5)), trial(2, (0.7, 99, 2))]
    assert ParetoFront.of(trials, THREE, {"memory_bytes": 100.0}).trials == (0, 2)


def test_ties_of_different_configurations_are_all_members() -> None:
    assert ParetoFront.of([trial(4, (0.9, 1, 1)), trial(2, (0.9, 1, 1))], THREE).trials == (2, 4)


def test_a_repeated_configuration_with_equal_values_counts_once() -> None:
    again = [trial(number, (0.9, 1, 1), ratio=0.5) for number in (4, 2)]
    assert ParetoFront.of(again, THREE).trials == (2,)


def test_objectives_of_a_study_are_read_in_their_order() -> None:
    front = ParetoFront.of([trial(0, (0.9, 3, 2))], Objectives(("accuracy",), ("energy_joules", "memory_bytes")))
    assert front.objectives == ("accuracy", "energy_joules", "memory_bytes")
    assert front.directions == ("maximize", "minimize", "minimize")
    assert front.points.tolist() == [[0.9, 2.0, 3.0]]


def test_the_reference_point_is_zero_accuracy_at_the_baselines_cost() -> None:
    baseline = trial(0, (0.98, 1000, 5e-6))
    assert reference_point(baseline, (*THREE, "error", "time_steps")) == (0.0, 1000.0, 5e-6, 1.0, 2.0)


def test_a_front_becomes_a_table() -> None:
    frame = ParetoFront.of([trial(3, (0.9, 3, 2))], THREE).to_pandas()
    assert frame.to_dict("records") == [{"trial": 3, "accuracy": 0.9, "memory_bytes": 3.0, "energy_joules": 2.0}]


def test_any_number_of_objectives_agrees_with_brute_force_on_random_values() -> None:
    generator = np.random.default_rng(0)
    for columns in (1, 2, 3, 4, 5):
        values = generator.integers(0, 6, (60, columns)).astype(float)
        from studies.pareto import non_dominated

        keep = non_dominated(values, (False,) * columns)
        for row, kept in zip(values, keep, strict=True):
            dominated = ((values <= row).all(axis=1) & (values < row).any(axis=1)).any()
            assert kept == (not dominated)
