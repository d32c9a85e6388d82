from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from dse.search.proposer import quiet_optuna
from studies import State, StudyResults
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import make_study

TIGHT = {"memory_bytes": 2000.0}
EXPECTED = {State.COMPLETE: TrialState.COMPLETE, State.SKIPPED: TrialState.PRUNED, State.FAILED: TrialState.FAIL}


def copy_of(url: str) -> optuna.Study:
    with quiet_optuna():
        return optuna.load_study(study_name="synthetic", storage=url)


def assert_equal(copy: optuna.Study, results: StudyResults) -> None:
    assert len(copy.trials) == len(results.evaluations)
    for theirs, ours in zip(copy.trials, results.evaluations, strict=True):
        assert theirs.number == ours.trial
        assert theirs.params == dict(ours.choices)
        assert theirs.state is EXPECTED[ours.state]
        if ours.state is State.COMPLETE:
            assert ours.cost is not None
            total = ours.cost.total
            assert theirs.values == [ours.value("validation"), total.memory_bytes, total.energy_joules]
            assert theirs.constraints == {"memory_bytes": total.memory_bytes / 2000.0 - 1.0}


def test_optuna_reads_the_same_trials_from_its_own_tables(run: Run, url: str) -> None:
    results = run(make_study(constraints=TIGHT), mirror=True)
    assert results.counts["skipped"]
    assert_equal(copy_of(url), results)


def test_optuna_finds_the_same_front(run: Run, url: str) -> None:
    results = run(make_study(trials=8, constraints=TIGHT), mirror=True)
    assert {trial.number for trial in copy_of(url).best_trials} == set(results.front.trials)


def test_the_dashboard_sees_the_names_of_the_objectives(run: Run, url: str) -> None:
    run(make_study(), mirror=True)
    assert copy_of(url).metric_names == ["accuracy", "memory_bytes", "energy_joules"]


def test_a_copy_that_is_behind_is_brought_up_to_date(run: Run, url: str) -> None:
    run(make_study(trials=2, constraints=TIGHT), mirror=True)
    run(make_study(trials=4, constraints=TIGHT))
    results = run(make_study(trials=4, constraints=TIGHT), mirror=True)
    assert_equal(copy_of(url), results)


def test_a_copy_that_holds_other_trials_is_rewritten(run: Run, url: str) -> None:
    run(make_study(trials=2, constraints=TIGHT), mirror=True)
    with quiet_optuna():
        copy = copy_of(url)
        copy.add_trial(copy.trials[0])
    results = run(make_study(trials=2, constraints=TIGHT), mirror=True)
    assert_equal(copy_of(url), results)


def test_a_users_own_optuna_study_of_that_name_is_left_alone(run: Run, url: str) -> None:
    with quiet_optuna():
        optuna.create_study(study_name="synthetic", storage=url).add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.warns(RuntimeWarning, match="another Optuna study named 'synthetic'"):
        results = run(make_study(), mirror=True)
    assert results.finished == 6
    assert [trial.value for trial in copy_of(url).trials] == [1.0]


def test_a_copy_that_cannot_be_written_is_a_warning_and_no_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*arguments: object, **more: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(optuna.storages.RDBStorage, "__init__", broken)
    with pytest.warns(RuntimeWarning, match="OSError: disk full"):
        results = run(make_study(), mirror=True)
    assert results.finished == 6
