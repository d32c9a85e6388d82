"""Recall as an objective and as a limit: derived from the baseline, judged after training, told to the sampler."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dse.evaluate import Job
from dse.search.proposer import excesses_of
from studies import Evaluation, Measurement, State, recall_distortion
from studies.study import Objectives
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run

LIMIT = {"largest_recall_loss": 0.3}


def with_recalls(evaluation: Evaluation) -> Evaluation:
    """Class a keeps up with the accuracy, class b falls twice as fast."""
    found = []
    for m in evaluation.measurements:
        recalls = {"a": min(m.value + 0.01, 1.0), "b": max(2 * m.value - 1.0, 0.0)}
        found += [Measurement(m.split, f"recall/{name}", m.seed, value) for name, value in recalls.items()]
    return replace(evaluation, measurements=(*evaluation.measurements, *found))


def evaluate(job: Job) -> Evaluation:
    return with_recalls(synthetic.evaluate(job))


def baseline(*arguments: object, **named: object) -> Evaluation:
    return with_recalls(synthetic.baseline(*arguments, **named))  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", ["known_cost", "random", "tpe", "nsga2"])
def test_a_trial_that_costs_a_class_too_much_is_trained_and_stays_off_the_front(run: Run, sampler: str) -> None:
    study = synthetic.make_study(trials=14, sampler=sampler, constraints=LIMIT)
    results = run(study, evaluate=evaluate, baseline=baseline)
    losses = {e.trial: e.value("validation", "largest_recall_loss") for e in results.evaluations}
    assert results.counts["complete"] == 14
    over = {trial for trial, loss in losses.items() if loss is not None and loss > LIMIT["largest_recall_loss"]}
    assert over
    assert set(losses) - over
    assert not over & set(results.front.trials)
    for evaluation in results.evaluations:
        if evaluation.state is State.COMPLETE:
            assert (excesses_of(evaluation, study)["largest_recall_loss"] > 0.0) == (evaluation.trial in over)


def test_the_stored_loss_is_what_the_stored_recalls_give(run: Run) -> None:
    results = run(synthetic.make_study(seeds_on_front=2), evaluate=evaluate, baseline=baseline)
    assert results.baseline is not None
    for evaluation in results.evaluations:
        for split in ("validation", "test"):
            found = recall_distortion(evaluation, results.baseline, split)
            if found is not None:
                assert evaluation.value(split, "largest_recall_loss") == pytest.approx(found.worst.loss)
                assert evaluation.value(split, "recall_intensification") == pytest.approx(found.intensification)
    assert all(len(member.values("test", "recall_intensification")) == 2 for member in results.front)


def test_intensification_can_be_an_objective(run: Run) -> None:
    study = replace(
        synthetic.make_study(trials=5), objectives=Objectives(minimize=("recall_intensification", "memory_bytes"))
    )
    results = run(study, evaluate=evaluate, baseline=baseline)
    assert len(results.front) >= 1
    assert results.hypervolume is not None


def test_a_limit_on_something_that_is_not_measured_fails_the_trial_with_its_reason(run: Run) -> None:
    results = run(synthetic.make_study(trials=1, constraints=LIMIT), evaluate=evaluate_every_second, baseline=baseline)
    failed = [e for e in results.evaluations if e.state is State.FAILED]
    assert [e.reason for e in failed] == ["NotFinite: largest_recall_loss is nan"]


def evaluate_every_second(job: Job) -> Evaluation:
    return synthetic.evaluate(job) if (job.trial or 0) % 2 == 0 else evaluate(job)
