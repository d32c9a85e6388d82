"""Recall distortion against the paper's worked example, numpy's least squares and scipy's correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from cost_models import Configuration, InputError
from studies import (
    OBJECTIVES,
    Evaluation,
    Measurement,
    State,
    Study,
    distortion_measurements,
    recall_distortion,
    study_from_dict,
)
from studies.recall import distortion, distortions_by_seed, normalised_balances

recalls = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=8)


def trial(
    number: int | None, accuracy: float, split: str = "validation", seed: int = 5, **classes: float
) -> Evaluation:
    found = [Measurement(split, f"recall/{name}", seed, value) for name, value in classes.items()]
    found.append(Measurement(split, "accuracy", seed, accuracy))
    return Evaluation(number, seed, State.COMPLETE, Configuration(()), measurements=tuple(found))


def test_the_papers_worked_example_has_an_intensification_of_four_thirds() -> None:
    found = recall_distortion(trial(0, 0.6, a=0.7, b=0.5), trial(None, 0.8, a=0.9, b=0.7))
    assert found is not None
    assert found.intensification == pytest.approx(4 / 3)
    assert [one.intensification for one in found.classes] == pytest.approx([4 / 3, 4 / 3])
    assert found.fit == pytest.approx(1.0)


@given(recalls, st.data())
def test_the_slope_is_that_of_least_squares_without_intercept(before: list[float], data: st.DataObject) -> None:
    after = data.draw(st.lists(st.floats(0.05, 1.0), min_size=len(before), max_size=len(before)))
    old, new = float(np.mean(before)), float(np.mean(after))
    assume(np.ptp(before) > 1e-3)
    assume(np.ptp(after) > 1e-3)
    names = [f"c{index}" for index in range(len(before))]
    found = distortion(dict(zip(names, before, strict=True)), old, dict(zip(names, after, strict=True)), new)
    assert found is not None
    x, y = (np.array(before) - old) / old, (np.array(after) - new) / new
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    assert found.intensification == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert found.fit == pytest.approx(stats.pearsonr(x, y).statistic ** 2, rel=1e-6, abs=1e-9)


@given(recalls)
def test_on_a_balanced_split_the_normalised_balances_sum_to_zero(values: list[float]) -> None:
    balances = normalised_balances({str(i): value for i, value in enumerate(values)}, float(np.mean(values)))
    assert sum(balances.values()) == pytest.approx(0.0, abs=1e-9)


@given(recalls)
def test_an_unchanged_network_has_a_slope_of_one_and_loses_nothing(values: list[float]) -> None:
    assume(np.ptp(values) > 1e-3)
    same = {str(i): value for i, value in enumerate(values)}
    mean = float(np.mean(values))
    found = distortion(same, mean, same, mean)
    assert found is not None
    assert found.intensification == pytest.approx(1.0)
    assert found.worst.loss == 0.0


def test_equal_recalls_before_leave_the_intensification_undefined_and_unmeasured() -> None:
    pruned, dense = trial(0, 0.6, a=0.7, b=0.5), trial(None, 0.8, a=0.8, b=0.8)
    found = recall_distortion(pruned, dense)
    assert found is not None
    assert found.intensification is None
    assert found.fit is None
    assert {m.metric for m in distortion_measurements(pruned, dense)} == {"largest_recall_loss"}


def test_the_worst_class_is_the_one_that_lost_most_not_the_one_that_is_lowest() -> None:
    found = recall_distortion(trial(0, 0.6, a=0.7, b=0.5), trial(None, 0.75, a=0.95, b=0.55))
    assert found is not None
    assert (found.worst.name, found.worst.loss) == ("a", pytest.approx(0.25))


def test_without_recalls_or_a_baseline_of_that_split_there_is_nothing_to_tell() -> None:
    dense = trial(None, 0.8, a=0.9, b=0.7)
    assert recall_distortion(trial(0, 0.6), dense) is None
    assert recall_distortion(trial(0, 0.6, "test", a=0.7, b=0.5), dense, "test") is None
    assert distortion_measurements(trial(0, 0.6), dense) == ()


def test_each_seed_of_a_trial_has_its_own_distortion() -> None:
    first, second = trial(0, 0.6, a=0.7, b=0.5), trial(0, 0.7, seed=6, a=0.8, b=0.6)
    both = Evaluation(0, 5, State.COMPLETE, Configuration(()), measurements=(*first.measurements, *second.measurements))
    found = distortions_by_seed(both, trial(None, 0.8, a=0.9, b=0.7), "validation")
    assert {seed: one.accuracy_after for seed, one in found.items()} == {5: 0.6, 6: 0.7}


def test_what_is_stored_can_be_an_objective() -> None:
    pruned, dense = trial(0, 0.6, a=0.7, b=0.5), trial(None, 0.8, a=0.9, b=0.7)
    assert math.isnan(OBJECTIVES["recall_intensification"].read(pruned))
    stored = Evaluation(
        0,
        5,
        State.COMPLETE,
        Configuration(()),
        measurements=(*pruned.measurements, *distortion_measurements(pruned, dense)),
    )
    assert OBJECTIVES["recall_intensification"].read(stored) == pytest.approx(4 / 3)
    assert OBJECTIVES["largest_recall_loss"].read(stored) == pytest.approx(0.2)


def test_a_limit_on_recall_is_read_as_a_share_and_is_no_limit_on_a_cost() -> None:
    study = study_from_dict(
        {"name": "a", "constraints": {"largest_recall_loss": "2%", "error": 0, "memory_bytes": "1KiB"}}
    )
    assert study.constraints == {"largest_recall_loss": 0.02, "error": 0.0, "memory_bytes": 1024.0}
    assert study.cost_limits == {"memory_bytes": 1024.0}


def test_what_is_to_be_maximised_cannot_be_limited() -> None:
    with pytest.raises(InputError, match="worst_class_recall"):
        Study("a", constraints={"worst_class_recall": 0.5})
