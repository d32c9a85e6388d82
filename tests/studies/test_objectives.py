from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given

from cost_models import Configuration, Totals
from studies import OBJECTIVES, Evaluation, Measurement, State, class_recalls, constraint_names, cost_value
from tests import strategies

ASKED = Configuration(())


def measured(**recalls: float) -> Evaluation:
    found = [Measurement("validation", f"recall/{name}", 3, value) for name, value in recalls.items()]
    found += [Measurement("validation", "accuracy", 3, 0.75), Measurement("test", "accuracy", 3, 0.5)]
    found += [Measurement("validation", "accuracy", 4, 0.25), Measurement("validation", "recall/cat", 4, 0.0)]
    return Evaluation(0, 3, State.COMPLETE, ASKED, measurements=tuple(found))


@given(strategies.evaluations(state=State.COMPLETE))
def test_accuracy_and_every_cost_are_read_from_every_complete_evaluation(evaluation: Evaluation) -> None:
    for name in ("accuracy", "error", *constraint_names()):
        assert math.isfinite(OBJECTIVES[name].read(evaluation))


@given(strategies.evaluations(state=State.FAILED))
def test_no_objective_fails_on_a_failed_evaluation(evaluation: Evaluation) -> None:
    for objective in OBJECTIVES.values():
        assert isinstance(objective.read(evaluation), float)


def test_a_measured_objective_is_that_of_the_trials_own_seed_and_split() -> None:
    accuracy = OBJECTIVES["accuracy"].read
    assert accuracy(measured()) == 0.75
    assert accuracy(measured(), "test") == 0.5
    assert OBJECTIVES["error"].read(measured()) == 0.25


def test_the_worst_recall_is_the_lowest_of_all_classes() -> None:
    evaluation = measured(cat=0.5, dog=0.25, owl=1.0)
    assert OBJECTIVES["worst_class_recall"].read(evaluation) == 0.25
    assert class_recalls(evaluation) == {"cat": 0.5, "dog": 0.25, "owl": 1.0}


def test_what_was_not_measured_is_nan() -> None:
    bare = Evaluation(0, 0, State.COMPLETE, ASKED)
    assert all(math.isnan(objective.read(bare)) for objective in OBJECTIVES.values())
    assert math.isnan(OBJECTIVES["worst_class_recall"].read(measured()))


@given(strategies.cost_reports())
def test_a_cost_is_the_total_of_that_name(report: object) -> None:
    totals = {field.name for field in fields(Totals)}
    for name in constraint_names():
        expected = report.total.to_dict()[name] if name in totals else report.time_steps  # type: ignore[attr-defined]
        assert cost_value(report, name) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_cost_is_minimised_and_named_with_its_unit(name: str) -> None:
    objective = OBJECTIVES[name]
    assert objective.name == name
    assert objective.direction == "minimize" or not objective.is_cost
    if objective.unit in ("bytes", "joules", "seconds"):
        assert name.endswith(f"_{objective.unit}")
