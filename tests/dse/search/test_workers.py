"""Several real worker processes. Starting one takes seconds, so two runs serve all claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.search.run import run_study
from studies import State, StudyResults
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.engines import one_process
from tests.dse.search.synthetic import make_study


def test_real_workers_give_the_trials_that_one_process_gives_in_their_place(run: Run, tmp_path: Path) -> None:
    study = make_study(trials=14, workers=2, sampler="known_cost", constraints={"memory_bytes": 1500.0})
    uneven = run(study, evaluate=synthetic.evaluate_unevenly)
    with one_process():
        expected = run(study, storage_url=f"sqlite:///{tmp_path / 'expected.db'}")
    assert uneven.evaluations == expected.evaluations
    assert uneven.fronts == expected.fronts


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """A study in which the workers of trials 1 and 2 died."""
    return run_study(
        make_study(trials=4, workers=2, seeds_on_front=2),
        f"sqlite:///{tmp_path_factory.mktemp('workers') / 'studies.db'}",
        evaluate=synthetic.evaluate_or_exit,
        baseline=synthetic.baseline,
        trace_study=synthetic.trace_study,
        mirror=False,
    )


def test_a_study_goes_on_when_workers_die(survived: StudyResults) -> None:
    assert (survived.counts["complete"], survived.counts["failed"]) == (4, 2)


def test_a_worker_that_ends_is_a_failed_trial_with_the_exit_code_as_its_reason(survived: StudyResults) -> None:
    assert survived.evaluation(1).state is State.FAILED
    assert survived.evaluation(1).reason == "WorkerDied: the worker process ended with exit code 7"


def test_a_worker_that_is_killed_is_a_failed_trial_with_the_signal_as_its_reason(survived: StudyResults) -> None:
    assert survived.evaluation(2).state is State.FAILED
    assert survived.evaluation(2).reason == "WorkerDied: the worker process was killed by SIGKILL"


def test_a_front_is_measured_by_the_workers(survived: StudyResults) -> None:
    assert all(len(member.values("test")) == 2 for member in survived.front)
