"""Trainings that end early: what is stored of them, who learns from them, and that nothing depends on luck."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import optuna
import pytest

from cost_models import load_hardware
from dse.search.limits import CostGate
from dse.search.proposer import as_optuna_trial
from dse.search.stopping import EarlyStopping
from dse.search.suggest import SearchSpace
from studies import Evaluation, Objectives, State, StudyResults, StudyStore, Training
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.engines import one_process
from tests.dse.search.synthetic import Job, make_study

TRIALS = 40


def study(**search: object) -> synthetic.Study:
    made = make_study(**{"trials": TRIALS, **search})  # type: ignore[arg-type]
    return dataclasses.replace(made, training=Training(epochs=6))


def stopped(results: StudyResults) -> list[Evaluation]:
    return [evaluation for evaluation in results.evaluations if evaluation.state is State.STOPPED]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    from dse.search.run import run_study

    url = f"sqlite:///{tmp_path_factory.mktemp('stopping') / 'studies.db'}"
    return run_study(
        study(),
        url,
        evaluate=synthetic.evaluate_with_curve,
        baseline=synthetic.baseline,
        trace_study=synthetic.trace_study,
        mirror=False,
    )


def test_some_trainings_are_stopped_and_count_as_finished_trials(results: StudyResults) -> None:
    assert len(stopped(results)) >= 3
    assert results.finished == TRIALS


def test_a_stopped_trial_is_stored_with_its_curve_its_reason_and_the_cost_it_was_stopped_for(
    results: StudyResults,
) -> None:
    for trial in stopped(results):
        assert 0 < len(trial.curve) < 6
        assert trial.reason.startswith(f"stopped after epoch {len(trial.curve)} of 6: ")
        assert trial.expected_accuracy is not None
        assert trial.cost is not None
        assert not trial.measurements


def test_a_stopped_trial_never_enters_the_front(results: StudyResults) -> None:
    assert not set(results.front.trials) & {trial.trial for trial in stopped(results)}


def test_the_front_is_that_of_the_same_search_with_every_training_run_to_its_end(
    results: StudyResults, run: Run
) -> None:
    whole = run(study(early_stopping=False), evaluate=synthetic.evaluate_with_curve)
    assert not stopped(whole)
    assert all(not evaluation.curve for evaluation in whole.evaluations)
    assert results.front.trials == whole.front.trials  # the random sampler proposes the same, whatever it is told


def test_a_training_is_judged_against_a_trial_that_had_ended_when_it_began(results: StudyResults) -> None:
    for trial in stopped(results):
        rival = results.evaluation(int(trial.reason.rpartition("trial ")[2].split()[0]))
        assert rival.state is State.COMPLETE
        assert (rival.trial or 0) < (trial.trial or 0)
        assert rival.cost is not None
        assert trial.cost is not None
        assert rival.cost.total.memory_bytes <= trial.cost.total.memory_bytes
        assert (rival.value("validation") or 0.0) > (trial.expected_accuracy or 1.0)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_twenty_five_trials_and_twenty_five_more_equal_fifty_in_one_go(run: Run, tmp_path: Path, sampler: str) -> None:
    options = {"population_size": 8} if sampler == "nsga2" else {}
    first = study(trials=25, sampler=sampler, options=options)
    run(first, evaluate=synthetic.evaluate_with_curve)
    whole = study(trials=50, sampler=sampler, options=options)
    resumed = run(whole, evaluate=synthetic.evaluate_with_curve)
    in_one_go = run(whole, evaluate=synthetic.evaluate_with_curve, storage_url=f"sqlite:///{tmp_path / 'one.db'}")
    assert stopped(resumed)
    assert resumed.evaluations == in_one_go.evaluations
    assert resumed.fronts == in_one_go.fronts


def test_with_workers_an_interrupted_study_stops_the_same_trainings_as_an_uninterrupted_one(
    run: Run, tmp_path: Path
) -> None:
    import random

    whole = study(workers=3)
    with one_process(random.Random(1), interrupt_after=30), pytest.raises(KeyboardInterrupt):
        run(whole, evaluate=synthetic.evaluate_with_curve)
    with one_process(random.Random(2)):
        resumed = run(whole, evaluate=synthetic.evaluate_with_curve)
    with one_process():
        untouched = run(
            whole, evaluate=synthetic.evaluate_with_curve, storage_url=f"sqlite:///{tmp_path / 'untouched.db'}"
        )
    assert stopped(resumed)
    assert resumed.evaluations == untouched.evaluations


def test_a_sampler_is_told_what_a_stopped_training_was_expected_to_reach(results: StudyResults) -> None:
    trial = stopped(results)[0]
    told = as_optuna_trial(trial, results.study, SearchSpace.of(results.study.space, synthetic.WORKLOAD))
    assert told.state is optuna.trial.TrialState.COMPLETE
    assert trial.cost is not None
    assert told.values == [trial.expected_accuracy, trial.cost.total.memory_bytes, trial.cost.total.energy_joules]


def test_a_study_that_measures_more_than_accuracy_is_never_stopped(run: Run) -> None:
    jobs = []

    def noting(job: Job) -> Evaluation:
        jobs.append(job)
        result = synthetic.evaluate(job)
        recalls = tuple(dataclasses.replace(m, metric="recall/0") for m in result.measurements)
        return dataclasses.replace(result, measurements=(*result.measurements, *recalls))

    recall = dataclasses.replace(study(trials=3), objectives=Objectives(("accuracy", "worst_class_recall")))
    run(recall, evaluate=noting)
    assert not any(job.curve or job.stopping for job in jobs)


def test_the_measurements_of_the_front_are_never_stopped(run: Run) -> None:
    jobs = []

    def noting(job: Job) -> Evaluation:
        jobs.append(job)
        return synthetic.evaluate_with_curve(job)

    run(study(trials=20, seeds_on_front=2), evaluate=noting)
    assert any("test" in job.splits for job in jobs)
    assert not any("test" in job.splits and (job.stopping or job.curve) for job in jobs)


def test_the_store_gives_back_what_a_run_returned(results: StudyResults, run: Run, url: str) -> None:
    mine = run(study(trials=20), evaluate=synthetic.evaluate_with_curve)
    with StudyStore(url) as store:
        assert store.results("synthetic") == mine


def test_a_rule_depends_on_the_known_trials_alone_not_on_what_was_asked_before(results: StudyResults) -> None:
    assert results.baseline is not None
    assert results.baseline.workload is not None
    space = SearchSpace.of(results.study.space, synthetic.WORKLOAD)
    gate = CostGate(space, results.baseline.workload, load_hardware(results.study.hardware), {})
    used, trials = EarlyStopping(results.study, gate), results.evaluations
    rules = []
    for known in [*(trials[:count] for count in range(10, TRIALS, 4)), trials[5:30], trials[:20]]:
        rules.append(used.rule(trials[-1].asked, known))
        assert rules[-1] == EarlyStopping(results.study, gate).rule(trials[-1].asked, known)
    assert any(rules)
