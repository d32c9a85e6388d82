from __future__ import annotations

import dataclasses

from studies import Evaluation, State
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import Job, make_study


def test_every_front_member_is_measured_on_test_under_each_of_its_seeds(run: Run) -> None:
    results = run(make_study(seeds_on_front=3))
    assert sum(len(member.values("test")) for member in results.front) == 3 * len(results.front)
    for member in results.front:
        assert len(member.values("test")) >= 2
        assert member.values("test").keys() == member.values("validation").keys()
        assert member.seed in member.values("test")


def test_nothing_but_the_front_and_the_baseline_is_measured_on_test(run: Run) -> None:
    results = run(make_study(trials=12, seeds_on_front=2))
    members = set(results.front.trials)
    assert len(members) < 12
    for evaluation in results.evaluations:
        assert bool(evaluation.values("test")) == (evaluation.trial in members)
    assert results.baseline is not None
    assert results.baseline.value("test") is not None


def test_the_search_itself_never_asks_for_the_test_split(run: Run) -> None:
    splits = []

    def noting(job: Job) -> Evaluation:
        splits.append(job.splits)
        return synthetic.evaluate(job)

    run(make_study(trials=5, seeds_on_front=1), evaluate=noting)
    assert splits[:5] == [("validation",)] * 5
    assert set(splits[5:]) == {("validation", "test")}


def test_without_seeds_nothing_is_measured_on_test(run: Run) -> None:
    results = run(make_study(seeds_on_front=0))
    assert not any(evaluation.values("test") for evaluation in results.evaluations)


def test_the_front_itself_is_not_changed_by_the_other_seeds(run: Run) -> None:
    before = run(make_study(seeds_on_front=0)).front.trials
    assert run(make_study(seeds_on_front=3)).front.trials == before


def test_only_what_is_missing_is_measured_when_more_seeds_are_asked_for(run: Run) -> None:
    members = len(run(make_study(seeds_on_front=1)).front)
    seeds = []

    def noting(job: Job) -> Evaluation:
        seeds.append(job.seed)
        return synthetic.evaluate(job)

    run(make_study(seeds_on_front=2), evaluate=noting)
    assert len(seeds) == members


def test_a_member_that_fails_under_another_seed_keeps_what_it_has(run: Run) -> None:
    def failing(job: Job) -> Evaluation:
        result = synthetic.evaluate(job)
        return dataclasses.replace(result, state=State.FAILED, reason="bad luck") if "test" in job.splits else result

    notes = []
    results = run(
        make_study(seeds_on_front=2), evaluate=failing, on_progress=lambda progress: notes.append(progress.note)
    )
    assert all(member.state is State.COMPLETE and not member.values("test") for member in results.front)
    assert any("could not be trained with seed" in note for note in notes)


def test_other_seeds_of_a_member_are_told_what_its_own_training_found(run: Run) -> None:
    jobs: list[Job] = []

    def noting(job: Job) -> Evaluation:
        jobs.append(job)
        return synthetic.evaluate(job)

    results = run(make_study(trials=3, seeds_on_front=2), evaluate=noting)
    for member in results.front:
        own, other = sorted((job for job in jobs[3:] if job.trial == member.trial), key=lambda j: j.found is not None)
        assert (own.seed, own.found) == (member.seed, None)
        assert other.seed != member.seed
        assert other.found == member.realised
