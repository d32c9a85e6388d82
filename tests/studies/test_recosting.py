"""Stored trials on other hardware: the prices of the cost model itself, a front by brute force, nothing written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cost_models import InputError, estimate, load_hardware
from studies import State, StudyResults, StudyStore
from studies.recosting import recosted
from tests.dse import stored_study

OTHER = "loihi_like"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    url = f"sqlite:///{tmp_path_factory.mktemp('recost')}/studies.db"
    stored_study.store(url)
    with StudyStore(url) as store:
        return store.results("digits-snn")


@pytest.mark.parametrize("hardware", [OTHER, "sata", "cortex_m7"])
def test_every_trained_trial_costs_what_the_cost_model_says(results: StudyResults, hardware: str) -> None:
    profile = load_hardware(hardware)
    for before, after in zip(results.evaluations, recosted(results, hardware).evaluations, strict=True):
        if before.state is not State.COMPLETE:
            assert after.cost is None
            continue
        assert before.workload is not None
        assert before.realised is not None
        assert after.cost is not None
        expected = estimate(before.workload, before.realised, profile)
        assert after.cost.total == expected.total
        assert (after.cost.hardware, after.cost.time_steps) == (profile.name, before.realised.time_steps)
        assert replace(after, cost=before.cost) == before


def test_the_new_front_is_the_one_that_brute_force_finds(results: StudyResults) -> None:
    after = recosted(results, OTHER)
    points = {}
    for one in results.evaluations:
        if one.state is State.COMPLETE and one.workload and one.realised:
            total = estimate(one.workload, one.realised, load_hardware(OTHER)).total
            accuracy = one.value("validation")
            points[one.trial] = (-(accuracy or 0.0), total.memory_bytes, total.energy_joules)
    best = {
        trial
        for trial, point in points.items()
        if not any(
            other != point and all(o <= p for o, p in zip(other, point, strict=True)) for other in points.values()
        )
    }
    assert set(after.front.trials) == best
    assert set(after.front.trials) != set(results.front.trials)


def test_members_of_the_new_front_and_the_baseline_are_priced_layer_by_layer(results: StudyResults) -> None:
    after = recosted(results, OTHER)
    assert after.baseline is not None
    for one in (*after.front, after.baseline):
        assert one.workload is not None
        assert one.realised is not None
        assert one.cost == estimate(one.workload, one.realised, load_hardware(OTHER))


def test_on_the_same_hardware_nothing_changes(results: StudyResults) -> None:
    after = recosted(results, stored_study.HARDWARE)
    assert after.front.trials == results.front.trials
    assert after.hypervolume == results.hypervolume


def test_the_studys_limits_hold_for_the_new_costs(results: StudyResults) -> None:
    energies = sorted(one.cost.total.energy_joules for one in recosted(results, OTHER).front if one.cost)
    limit = energies[len(energies) // 2]
    limited = replace(results, study=replace(results.study, constraints={"energy_joules": limit}))
    assert all(one.cost.total.energy_joules <= limit for one in recosted(limited, OTHER).front if one.cost)
    assert 0 < len(recosted(limited, OTHER).front) < len(recosted(results, OTHER).front)


def test_costs_in_total_are_enough_to_start_from(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('totals')}/studies.db"
    stored_study.store(url)
    with StudyStore(url) as store:
        whole, totals = store.results("digits-snn"), store.results("digits-snn", layer_costs=False)
    assert totals.evaluations[0].cost is not None
    assert totals.evaluations[0].cost.layers == ()
    assert totals.to_dict() == whole.to_dict()
    assert recosted(totals, OTHER) == recosted(whole, OTHER)


def test_an_unknown_profile_is_refused(results: StudyResults) -> None:
    with pytest.raises(InputError, match="did you mean 'loihi_like'"):
        recosted(results, "loihi_lik")
