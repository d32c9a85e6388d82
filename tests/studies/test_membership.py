"""How sure places on a front are: against an independent simulation, a closed form, and what must never change."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import t as student

from cost_models import Configuration, CostReport, Totals
from studies import Evaluation, Measurement, State
from studies.membership import deviation_at, front_probabilities, seed_deviation
from studies.results import one_standard_error_point, trial_point

NAMES = ("accuracy", "memory_bytes")


def member(trial: int, memory: float, *accuracies: float) -> Evaluation:
    """A member whose first accuracy is that of its own seed, the one it was selected for."""
    return Evaluation(
        trial,
        100 * trial,
        State.COMPLETE,
        Configuration(()),
        cost=CostReport("net", "chip", 1, (), Totals(memory_bytes=memory)),
        measurements=tuple(
            Measurement("validation", "accuracy", 100 * trial + seed, value) for seed, value in enumerate(accuracies)
        ),
    )


def test_the_probability_of_two_members_is_that_of_students_t() -> None:
    cheap, dear = member(0, 10, 0.90, 0.90, 0.92, 0.91), member(1, 20, 0.93, 0.915, 0.925, 0.92)
    deviation = seed_deviation((cheap, dear))
    assert deviation is not None
    spread, freedom = deviation
    assert freedom == 6
    errors = [-np.log(1.01 - np.array(list(m.values("validation").values()))) for m in (cheap, dear)]
    assert spread == pytest.approx(math.sqrt(sum(np.var(one, ddof=1) * 3 for one in errors) / 6))
    gap = np.mean(errors[1][1:]) - np.mean(errors[0][1:])  # own seeds left out
    expected = student.cdf(gap / (spread * math.sqrt(2 / 3)), freedom)
    first, second = front_probabilities((cheap, dear), NAMES)
    assert first == 1.0  # nothing is cheaper
    assert second == pytest.approx(expected, abs=0.02)


def test_a_lucky_first_training_does_not_count() -> None:
    honest = (member(0, 10, 0.90, 0.90, 0.91), member(1, 20, 0.905, 0.89, 0.90))
    lucky = (honest[0], dataclasses.replace(member(1, 20, 0.93, 0.89, 0.90)))
    for members in (honest, lucky):
        probability = front_probabilities(members, NAMES)[1]
        assert probability is not None
        assert probability < 0.4


def test_more_trainings_make_a_true_difference_surer() -> None:
    rng = np.random.default_rng(1)
    few = front_probabilities(
        tuple(member(i, 10 + i, *(0.90 + 0.01 * i + rng.normal(0, 0.01, 3))) for i in range(2)), NAMES
    )[1]
    many = front_probabilities(
        tuple(member(i, 10 + i, *(0.90 + 0.01 * i + rng.normal(0, 0.01, 60))) for i in range(2)), NAMES
    )[1]
    assert few is not None
    assert many is not None
    assert few < many
    assert many > 0.99


def test_a_member_that_is_cheapest_in_something_is_always_on_the_front() -> None:
    members = (member(0, 10, 0.5, 0.6), member(1, 20, 0.9, 0.8), member(2, 30, 0.95, 0.7))
    assert front_probabilities(members, NAMES)[0] == 1.0


def test_without_a_second_seed_nothing_is_known() -> None:
    assert front_probabilities((member(0, 10, 0.5), member(1, 20, 0.6)), NAMES) == (None, None)
    assert seed_deviation((member(0, 10, 0.5),)) is None
    assert front_probabilities((), NAMES) == ()


def test_accuracy_and_error_tell_the_same() -> None:
    members = (member(0, 10, 0.90, 0.91, 0.92), member(1, 20, 0.93, 0.90, 0.93))
    by_error = front_probabilities(members, ("error", "memory_bytes"))
    assert by_error == pytest.approx(front_probabilities(members, NAMES), abs=0.03)


def test_a_member_near_chance_that_scatters_widely_does_not_blur_the_best() -> None:
    """The front of the ready study digits after 30 trials, as measured under two seeds each."""
    measured = {
        29: (6.2, 0.9861, 0.9907),
        19: (4.9, 0.9861, 0.9769),
        16: (6.9, 0.9907, 0.9861),
        12: (4.0, 0.9861, 0.9676),
        15: (3.9, 0.8981, 0.8843),
        20: (3.8, 0.8380, 0.6343),
    }
    members = [member(trial, memory, *accuracies) for trial, (memory, *accuracies) in measured.items()]
    with_all, without_worst = seed_deviation(members), seed_deviation(members[:-1])
    assert with_all is not None
    assert without_worst is not None
    assert deviation_at(0.988, with_all[0]) == pytest.approx(deviation_at(0.988, without_worst[0]), rel=0.4)
    assert deviation_at(0.988, with_all[0]) < 0.008 < deviation_at(0.74, with_all[0])
    points = [trial_point(one, NAMES, None, with_all[0]) for one in members]
    pick = one_standard_error_point(points, ("memory_bytes",))
    assert pick is not None
    assert pick["accuracy_validation"] > 0.98


@pytest.mark.parametrize("order", [1, -1])
def test_the_pick_is_the_cheapest_point_within_one_standard_error_of_the_best(order: int) -> None:
    def point(trial: int, accuracy: float, memory: float) -> dict[str, object]:
        return {
            "trial": trial,
            "accuracy_validation": accuracy,
            "accuracy_standard_error": 0.01,
            "cost": {"memory_bytes": memory},
        }

    points = [point(0, 0.95, 40), point(1, 0.945, 30), point(2, 0.9401, 20), point(3, 0.9399, 10)][::order]
    pick = one_standard_error_point(points, ("memory_bytes",))
    assert pick is not None
    assert pick["trial"] == 2
    unknown = [{**one, "accuracy_standard_error": None} for one in points]
    assert one_standard_error_point(unknown, ("memory_bytes",)) is None
    assert one_standard_error_point([], ("memory_bytes",)) is None
