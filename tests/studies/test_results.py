from __future__ import annotations

import json
import statistics
from datetime import UTC, datetime

import pytest

from cost_models import Configuration, CostReport, InputError, LayerBudget, Totals
from studies import Evaluation, Measurement, State, Study, StudyResults


def trial(number: int | None, accuracy: float, memory: float, state: State = State.COMPLETE) -> Evaluation:
    return Evaluation(
        number,
        7,
        state,
        Configuration((LayerBudget("fc", 0.5, 4, 3),), 2),
        realised=Configuration((LayerBudget("fc", 0.4992, 4, 3),), 2),
        cost=CostReport("net", "hw", 2, (), Totals(memory_bytes=memory, energy_joules=memory / 1e6)),
        measurements=(Measurement("validation", "accuracy", 7, accuracy),),
        seconds=1.5,
    )


def results(*evaluations: Evaluation, baseline: Evaluation | None = None, study: Study | None = None) -> StudyResults:
    return StudyResults(study or Study("s"), baseline, evaluations, (), datetime(2026, 1, 1, tzinfo=UTC))


def with_seeds(evaluation: Evaluation, split: str, values: dict[int, float]) -> Evaluation:
    from dataclasses import replace

    own = [Measurement(split, "accuracy", seed, value) for seed, value in values.items()]
    kept = [item for item in evaluation.measurements if item.split != split]
    return replace(evaluation, measurements=(*kept, *own))


def test_the_front_keeps_to_the_studys_limits() -> None:
    study = Study("s", constraints={"memory_bytes": 100.0})
    assert results(trial(0, 0.9, 120), trial(1, 0.8, 80), study=study).front.trials == (1,)


def test_the_hypervolume_is_measured_from_the_baseline() -> None:
    found = results(trial(0, 0.5, 40), baseline=trial(None, 0.9, 100))
    assert found.reference_point == (0.0, 100.0, 1e-4)
    assert found.hypervolume == pytest.approx(0.5 * 60 * 60e-6)


def test_without_a_baseline_there_is_no_hypervolume() -> None:
    assert results(trial(0, 0.5, 40)).hypervolume is None
    assert results().to_dict()["reference_point"] is None


def test_every_state_is_counted() -> None:
    states = [State.COMPLETE, State.COMPLETE, State.STOPPED, State.FAILED, State.SKIPPED, State.RUNNING]
    found = results(*(trial(number, 0.5, 1, state) for number, state in enumerate(states)))
    assert found.counts == {"running": 1, "complete": 2, "stopped": 1, "failed": 1, "skipped": 1}
    assert found.finished == 3
    assert found.seconds == 9.0


def test_a_front_point_has_the_public_shape() -> None:
    (point,) = results(trial(0, 0.5, 40)).front_points()
    assert list(point) == [
        "trial",
        "values",
        "accuracy_validation",
        "accuracy_test",
        "accuracy_std",
        "accuracy_standard_error",
        "seeds",
        "method",
        "time_steps",
        "cost",
        "layers",
        "front_probability",
    ]
    assert point["values"] == {"accuracy": 0.5, "memory_bytes": 40.0, "energy_joules": 40e-6}
    assert point["layers"] == [{"name": "fc", "pruning_ratio": 0.4992, "weight_bits": 4, "membrane_bits": 3}]
    assert point["cost"] == Totals(memory_bytes=40, energy_joules=40e-6).to_dict()


def test_accuracies_are_means_over_the_seeds_and_values_are_not() -> None:
    member = with_seeds(trial(0, 0.5, 40), "validation", {7: 0.5, 8: 0.7})
    member = with_seeds(member, "test", {7: 0.25, 8: 0.5, 9: 1.0})
    (point,) = results(member).front_points()
    assert point["values"]["accuracy"] == 0.5
    assert point["accuracy_validation"] == pytest.approx(0.6)
    assert point["accuracy_test"] == pytest.approx(statistics.fmean([0.25, 0.5, 1.0]))
    assert point["accuracy_std"] == pytest.approx(statistics.stdev([0.25, 0.5, 1.0]))
    assert point["seeds"] == 3


def test_a_seed_that_diverged_is_left_out_of_the_mean() -> None:
    member = with_seeds(trial(0, 0.5, 40), "test", {7: 0.25, 8: float("nan")})
    (point,) = results(member).front_points()
    assert (point["accuracy_test"], point["accuracy_std"], point["seeds"]) == (0.25, None, 1)


def test_the_front_as_json_has_only_standard_numbers() -> None:
    found = results(trial(0, 0.5, 40), trial(1, float("nan"), 30), baseline=trial(None, 0.9, 100))
    shape = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert list(shape) == ["study", "objectives", "directions", "hypervolume", "reference_point", "points"]
    assert [point["trial"] for point in shape["points"]] == [0]


def test_a_missing_trial_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match="study 's' has no trial 9; it has trials 0 to 1"):
        results(trial(0, 0.5, 40), trial(1, 0.5, 40)).evaluation(9)
    with pytest.raises(InputError, match="has no trials yet"):
        results().evaluation(0)


def test_all_trials_become_a_table_with_a_column_for_each_layers_choice() -> None:
    failed = Evaluation(1, 0, State.FAILED, Configuration((LayerBudget("fc", 0.25),), 1), reason="lost")
    frame = results(trial(0, 0.5, 40), failed).to_pandas()
    assert frame["on_front"].tolist() == [True, False]
    assert frame["fc/pruning_ratio"].tolist() == [0.4992, 0.25]
    assert frame.loc[0, "memory_bytes"] == 40
    assert frame["reason"].tolist() == ["", "lost"]


def test_a_study_without_trials_becomes_an_empty_table() -> None:
    assert results().to_pandas().empty
