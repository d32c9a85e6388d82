"""Racing: the budget goes where a place is undecided, and an interrupted race is the same race."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dse.search.racing import Race, member_seed
from studies import Evaluation, Measurement, Study
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import Job, make_study
from tests.studies.test_membership import member

#: Trial 1 is clearly better than trial 0 and dearer; 2 and 3 cannot be told apart.
MEANS = {0: 0.80, 1: 0.90, 2: 0.950, 3: 0.951}


def trained(evaluation: Evaluation, seed: int) -> tuple[Measurement, ...]:
    noise = np.random.default_rng(seed).normal(0.0, 0.005)
    return (Measurement("validation", "accuracy", seed, MEANS[evaluation.trial or 0] + noise),)


def race(study: Study, budget: int) -> list[tuple[int, int]]:
    """The (trial, seed) of every training of a race over four members."""
    members = [member(trial, 10 + trial, mean + 0.003) for trial, mean in MEANS.items()]
    done: list[tuple[int, int]] = []

    def train(wanted: Sequence[tuple[Evaluation, int]]) -> list[tuple[Measurement, ...]]:
        done.extend((evaluation.trial or 0, seed) for evaluation, seed in wanted)
        return [trained(evaluation, seed) for evaluation, seed in wanted]

    Race(study, members, budget, train).run()
    return done


def test_every_member_has_a_fair_start_and_the_budget_is_kept() -> None:
    done = race(make_study(seeds_on_front=4), 16)
    assert len(done) == len(set(done)) == 16
    assert [trial for trial, _ in done[:8]] == [0, 1, 2, 3] * 2
    assert {done[index][1] for index in range(4)} == {0, 100, 200, 300}  # the seeds of the trials themselves


def test_members_whose_place_is_undecided_are_trained_more() -> None:
    trainings = [trial for trial, _ in race(make_study(), 24)]
    counts = [trainings.count(trial) for trial in range(4)]
    assert counts[3] > max(counts[0], counts[1])  # only whether 3 beats the cheaper 2 is open
    assert min(counts) >= 2


def test_a_larger_budget_goes_on_with_the_same_race() -> None:
    assert race(make_study(), 24)[:12] == race(make_study(), 12)


def test_a_race_that_was_interrupted_repeats_nothing_and_measures_what_an_uninterrupted_one_does(run: Run) -> None:
    study = make_study(trials=12, seeds_on_front=4)
    seen: list[tuple[int | None, int]] = []

    def interrupted(job: Job) -> Evaluation:
        if "test" in job.splits:
            if len(seen) == 11:
                raise KeyboardInterrupt
            seen.append((job.trial, job.seed))
        return synthetic.evaluate(job)

    try:
        run(study, evaluate=interrupted)
        raise AssertionError("the run was not interrupted")
    except KeyboardInterrupt:
        pass

    def noting(job: Job) -> Evaluation:
        seen.append((job.trial, job.seed))
        return synthetic.evaluate(job)

    resumed = run(study, evaluate=noting)
    assert len(seen) == len(set(seen)) == 4 * len(resumed.front)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        untouched = run(study, storage_url=f"sqlite:///{folder}/untouched.db")
    assert resumed.evaluations == untouched.evaluations


def test_the_test_split_decides_nothing_in_the_race(run: Run) -> None:
    def other_test_values(job: Job) -> Evaluation:
        result = synthetic.evaluate(job)
        changed = tuple(
            dataclasses.replace(m, value=1.0 - m.value) if m.split == "test" else m for m in result.measurements
        )
        return dataclasses.replace(result, measurements=changed)

    import tempfile

    study = make_study(trials=10, seeds_on_front=4)
    with tempfile.TemporaryDirectory() as folder:
        other = run(study, storage_url=f"sqlite:///{folder}/other.db", evaluate=other_test_values)
    mine = run(study)
    assert [m.values("validation") for m in mine.front] == [m.values("validation") for m in other.front]
    assert [m.values("test") for m in mine.front] != [m.values("test") for m in other.front]


def test_front_points_tell_how_sure_their_places_are(run: Run) -> None:
    points = run(make_study(trials=12, seeds_on_front=3)).front_points()
    assert all(0.0 <= point["front_probability"] <= 1.0 for point in points)
    assert all(point["accuracy_standard_error"] > 0.0 for point in points)


def test_seeds_derive_from_the_study_and_the_trial() -> None:
    one = member(5, 10, 0.9)
    assert member_seed(make_study(), one, 0) == one.seed
    assert member_seed(make_study(), one, 1) == member_seed(make_study(), one, 1)
    assert member_seed(make_study(), one, 1) != member_seed(make_study(), one, 2)
