from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports import frame
from studies.evaluation import Measurement, State
from studies.results import StudyResults
from tests.reports import synthetic


def test_there_is_one_row_for_each_complete_trial() -> None:
    results = synthetic.results(trials=12, failed=3, skipped=4)
    assert frame.trials_frame(results)["trial"].tolist() == list(range(12))


def test_the_front_in_the_frames_is_the_front_of_the_study(results: StudyResults) -> None:
    assert tuple(frame.front_frame(results)["trial"]) == results.front.trials
    trials = frame.trials_frame(results)
    assert set(trials.loc[trials["role"] == frame.FRONT, "trial"]) == set(results.front.trials)


def test_accuracies_are_those_of_the_public_front_points(results: StudyResults) -> None:
    points = pd.DataFrame(results.front_points())
    front = frame.front_frame(results)
    assert front["test_mean"].tolist() == pytest.approx(points["accuracy_test"].tolist())
    assert front["test_std"].tolist() == pytest.approx(points["accuracy_std"].tolist())
    assert front["validation_mean"].tolist() == pytest.approx(points["accuracy_validation"].tolist())


def test_a_trial_over_a_limit_is_neither_on_the_front_nor_merely_dominated() -> None:
    limit = 10_000.0
    results = synthetic.results(trials=30, constraints={"memory_bytes": limit})
    trials = frame.trials_frame(results)
    assert ((trials["memory_bytes"] > limit) == (trials["role"] == frame.OVER_LIMIT)).all()


@pytest.mark.parametrize("cost", ["memory_bytes", "weight_memory_bytes", "energy_joules", "latency_seconds"])
def test_the_layers_of_a_member_sum_to_its_stored_total(results: StudyResults, cost: str) -> None:
    normed = synthetic.with_norms(results)
    sums = frame.front_costs_frame(normed).groupby("trial", sort=False)[cost].sum()
    stored = {member.trial: getattr(member.cost.total, cost) for member in normed.front if member.cost}
    assert sums.to_dict() == pytest.approx(stored)


def test_layers_without_a_budget_stand_last_under_their_kind(results: StudyResults) -> None:
    costs = frame.front_costs_frame(synthetic.with_norms(results))
    assert list(dict.fromkeys(costs["group"])) == [*synthetic.LAYERS, "norm layers"]


def test_a_layer_without_neurons_has_no_membrane_bits(results: StudyResults) -> None:
    layers = frame.front_layers_frame(results)
    assert layers.loc[layers["layer"] == "fc2", "membrane_bits"].isna().all()


def test_a_metric_that_is_not_a_number_does_not_enter_the_mean(results: StudyResults) -> None:
    member = results.front.members[0]
    broken = replace(member, measurements=(*member.measurements, Measurement("test", "accuracy", 9, float("nan"))))
    assert frame.accuracies(broken) == frame.accuracies(member)


def test_frames_of_an_empty_study_have_columns_and_no_rows() -> None:
    empty = synthetic.results(trials=0, baseline=False)
    assert frame.trials_frame(empty).empty
    assert frame.front_layers_frame(empty).empty
    assert frame.front_costs_frame(empty).empty
    assert "memory_bytes" in frame.front_frame(empty).columns
    assert frame.baseline_row(empty) is None


def test_a_stopped_trial_is_not_drawn(results: StudyResults) -> None:
    stopped = replace(results.evaluations[0], state=State.STOPPED)
    changed = replace(results, evaluations=(stopped, *results.evaluations[1:]))
    assert stopped.trial not in set(frame.trials_frame(changed)["trial"])
