from __future__ import annotations

import dataclasses
import math
import sqlite3
from pathlib import Path

import pytest

from cost_models import InputError
from dse.search import loop
from dse.search.loop import StudyAborted
from dse.search.progress import PHASES, Progress
from studies import Choices, DesignSpace, Search, State, Study, StudyResults, StudyStore
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.engines import one_process
from tests.dse.search.synthetic import make_study

TINY = DesignSpace(weight_bits=Choices((2, 4)), time_steps=Choices((1,)))  # 2 x 2 x 2 configurations
TIGHT = {"memory_bytes": 1200.0}


def states(results: StudyResults) -> dict[str, int]:
    return {state: count for state, count in results.counts.items() if count}


def stored(url: str) -> StudyResults:
    with StudyStore(url) as store:
        return store.results("synthetic")


def test_a_run_ends_with_the_number_of_finished_trials_that_was_asked_for(run: Run) -> None:
    assert states(run(make_study(trials=7))) == {"complete": 7}


def test_the_result_is_what_is_stored(run: Run, url: str) -> None:
    assert run(make_study(seeds_on_front=2)) == stored(url)


def test_the_baseline_is_stored_without_a_number(run: Run) -> None:
    baseline = run(make_study()).baseline
    assert baseline is not None
    assert baseline.trial is None
    assert baseline.state is State.COMPLETE


def test_the_same_seed_gives_the_same_trials(run: Run, tmp_path: Path) -> None:
    study = make_study(trials=14, sampler="tpe")
    again = run(study, storage_url=f"sqlite:///{tmp_path / 'again.db'}")
    assert run(study).evaluations == again.evaluations


def test_another_seed_gives_other_trials(run: Run, tmp_path: Path) -> None:
    other = dataclasses.replace(make_study(), seed=4)
    assert [e.asked for e in run(make_study()).evaluations] != [
        e.asked for e in run(other, storage_url=f"sqlite:///{tmp_path / 'other.db'}").evaluations
    ]


@pytest.mark.parametrize("sampler", ["known_cost", "random", "tpe", "nsga2", "nsga3", "qmc"])
def test_ten_trials_and_ten_more_equal_twenty_in_one_go(run: Run, tmp_path: Path, sampler: str) -> None:
    options = {"population_size": 4} if sampler.startswith("nsga") else {}
    run(make_study(trials=10, sampler=sampler, constraints=TIGHT, options=options))
    resumed = run(make_study(trials=20, sampler=sampler, constraints=TIGHT, options=options))
    in_one_go = run(
        make_study(trials=20, sampler=sampler, constraints=TIGHT, options=options),
        storage_url=f"sqlite:///{tmp_path / 'one-go.db'}",
    )
    assert resumed.evaluations == in_one_go.evaluations
    assert resumed.fronts == in_one_go.fronts


@pytest.mark.slow
def test_twenty_five_trials_and_twenty_five_more_equal_fifty_of_the_default_sampler(run: Run, tmp_path: Path) -> None:
    def study(trials: int) -> Study:
        return make_study(trials=trials, sampler=Search().sampler, constraints=TIGHT, workers=3)

    with one_process():
        run(study(25))
        resumed = run(study(50))
        in_one_go = run(study(50), storage_url=f"sqlite:///{tmp_path / 'one-go.db'}")
    assert states(resumed) == {"complete": 50}
    assert resumed.evaluations == in_one_go.evaluations
    assert resumed.fronts == in_one_go.fronts


def test_a_second_run_evaluates_nothing_and_changes_nothing(run: Run, url: str) -> None:
    first = run(make_study(seeds_on_front=2))

    def forbidden(*arguments: object) -> None:
        raise AssertionError("a finished study was evaluated again")

    assert run(make_study(seeds_on_front=2), evaluate=forbidden, baseline=forbidden) == first


def test_fewer_trials_than_are_stored_is_a_finished_study(run: Run) -> None:
    first = run(make_study(trials=6))
    assert run(make_study(trials=3)).evaluations == first.evaluations


def test_a_configuration_over_a_limit_is_skipped_and_not_counted(run: Run) -> None:
    results = run(make_study(trials=5, constraints=TIGHT))
    skipped = [e for e in results.evaluations if e.state is State.SKIPPED]
    assert skipped
    assert results.finished == 5
    for evaluation in skipped:
        assert "over the limit of 1.2 KiB" in evaluation.reason
        assert evaluation.cost is not None
        assert evaluation.cost.total.memory_bytes > 1200


def test_no_training_is_spent_on_a_configuration_over_a_limit(run: Run) -> None:
    trained = []

    def counting(job: synthetic.Job) -> synthetic.Evaluation:
        trained.append(synthetic.evaluate(job))
        return trained[-1]

    run(make_study(trials=5, constraints=TIGHT), evaluate=counting)
    assert len(trained) == 5
    assert all(e.cost is not None and e.cost.total.memory_bytes <= 1200 for e in trained)


def test_the_sampler_that_knows_the_costs_proposes_nothing_that_must_be_skipped(run: Run) -> None:
    limits = {**TIGHT, "energy_joules": 2.5e-9}
    assert states(run(make_study(trials=12, sampler="known_cost", constraints=limits))) == {"complete": 12}


def test_the_sampler_that_knows_the_costs_uses_up_a_small_space(run: Run) -> None:
    results = run(make_study(trials=8, sampler="known_cost", space=TINY))
    assert states(results) == {"complete": 8}
    assert len({e.asked for e in results.evaluations}) == 8


def test_a_repeated_configuration_is_skipped_and_not_counted(run: Run) -> None:
    results = run(make_study(trials=8, space=TINY))
    complete = [e.asked for e in results.evaluations if e.state is State.COMPLETE]
    assert len(set(complete)) == 8
    repeats = [e for e in results.evaluations if e.state is State.SKIPPED]
    assert repeats
    assert all(results.evaluation(int(e.reason.removeprefix("repeats trial "))).asked == e.asked for e in repeats)


def test_a_space_that_is_used_up_ends_the_search_with_a_sentence(run: Run) -> None:
    told: list[Progress] = []
    results = run(make_study(trials=9, space=TINY), on_progress=told.append)
    assert results.finished == 8
    assert any("no further configuration" in progress.note for progress in told)


def test_a_space_without_anything_to_choose_has_one_trial(run: Run) -> None:
    assert run(make_study(trials=3, space=DesignSpace())).finished == 1


def test_after_too_many_skips_a_configuration_that_fits_is_drawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST_SKIPS", 3)
    results = run(make_study(trials=4, constraints={"memory_bytes": 560.0}))
    assert results.finished == 4
    assert results.counts["skipped"] <= 12


def test_an_impossible_limit_is_named_with_the_smallest_reachable_and_nothing_is_stored(run: Run, url: str) -> None:
    with pytest.raises(
        InputError, match=r"memory_bytes is 100 B, but the smallest that this space can reach .* 546\.6 B"
    ):
        run(make_study(constraints={"memory_bytes": 100.0}))
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_a_limit_that_the_measured_activity_makes_impossible_stores_nothing(run: Run, url: str) -> None:
    least = 1e-12  # joules: above nothing, below any real network; only the quiet bound may let it pass
    with pytest.raises(InputError, match="energy_joules"):
        run(make_study(constraints={"energy_joules": least}))
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_a_limit_that_only_activity_breaks_is_judged_after_training(run: Run) -> None:
    def busy(job: synthetic.Job) -> synthetic.Evaluation:
        result = synthetic.evaluate(job)
        assert result.cost is not None
        hot = dataclasses.replace(result.cost.total, energy_joules=1.0)
        return dataclasses.replace(result, cost=dataclasses.replace(result.cost, total=hot))

    results = run(make_study(trials=3, constraints={"energy_joules": 1e-3}), evaluate=busy)
    assert results.finished == 3
    assert len(results.front) == 0


def test_a_failed_trial_is_kept_with_its_reason_and_not_counted(run: Run) -> None:
    def failing_once(job: synthetic.Job) -> synthetic.Evaluation:
        if job.trial == 1:
            raise MemoryError("not enough of it")
        return synthetic.evaluate(job)

    results = run(make_study(trials=4), evaluate=failing_once)
    assert states(results) == {"complete": 4, "failed": 1}
    assert results.evaluation(1).reason == "MemoryError: not enough of it"


def test_a_result_that_is_not_a_number_is_a_failed_trial(run: Run) -> None:
    results = run(make_study(trials=3), evaluate=synthetic.evaluate_to_nan)
    failed = [e for e in results.evaluations if e.state is State.FAILED]
    assert [e.trial for e in failed] == [0, 2, 4]
    assert failed[0].reason == "NotFinite: accuracy is nan"


def test_ten_failures_in_a_row_with_one_reason_end_the_run(run: Run, url: str) -> None:
    with pytest.raises(StudyAborted, match=r"10 trials in a row .* RuntimeError: out of luck"):
        run(make_study(), evaluate=synthetic.evaluate_failing)
    assert states(stored(url)) == {"failed": 10}


def test_reasons_that_differ_in_layers_and_numbers_are_one_and_a_resume_adds_one_failure(run: Run, url: str) -> None:
    def failing(job: synthetic.Job) -> synthetic.Evaluation:
        assert job.trial is not None
        layer = job.configuration.budgets[job.trial % 2].layer
        raise ValueError(f"{layer}: pruning_ratio is 0.{job.trial}")

    for failures in (10, 11):
        with pytest.raises(StudyAborted, match=r"10 trials in a row failed with the same reason: ValueError"):
            run(make_study(), evaluate=failing)
        assert states(stored(url)) == {"failed": failures}


def test_thirty_failures_in_a_row_of_any_kind_end_the_run(run: Run, url: str) -> None:
    def failing(job: synthetic.Job) -> synthetic.Evaluation:
        raise ValueError("x" * ((job.trial or 0) + 1))

    with pytest.raises(StudyAborted, match=r"30 trials in a row failed, the last one with"):
        run(make_study(), evaluate=failing)
    assert states(stored(url)) == {"failed": 30}


def test_a_space_used_up_by_failures_ends_with_the_last_reason(run: Run) -> None:
    one = DesignSpace(pruning_ratio=Choices((0.0, 0.5)), weight_bits=Choices((8,)), membrane_bits=Choices((8,)))
    with pytest.raises(StudyAborted, match=r"every trial failed, the last one with: RuntimeError: out of luck"):
        run(make_study(space=one), evaluate=synthetic.evaluate_failing)


def test_a_complete_trial_without_a_number_is_named_when_the_run_goes_on(run: Run, url: str) -> None:
    run(make_study(trials=3))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE spikefront_measurements SET value = NULL WHERE split = 'validation'")
    with pytest.raises(InputError, match=r"study 'synthetic', trial 0: it is complete, yet has no number for accuracy"):
        run(make_study(trials=3))


def test_a_study_that_gave_up_goes_on_when_the_cause_is_gone(run: Run) -> None:
    with pytest.raises(StudyAborted):
        run(make_study(trials=3), evaluate=synthetic.evaluate_failing)
    assert states(run(make_study(trials=3))) == {"failed": 10, "complete": 3}


def test_an_interruption_leaves_a_study_that_goes_on_as_if_nothing_had_happened(run: Run, tmp_path: Path) -> None:
    study = make_study(trials=8, sampler="tpe")
    interruption = {"evaluate": synthetic.evaluate_once_interrupted, "data_root": str(tmp_path / "mark")}
    with pytest.raises(KeyboardInterrupt):
        run(study, **interruption)
    resumed = run(study, **interruption)
    untouched = run(study, storage_url=f"sqlite:///{tmp_path / 'untouched.db'}")
    assert resumed.evaluations == untouched.evaluations
    assert resumed.fronts == untouched.fronts


def test_a_trial_in_flight_is_stored_as_running(run: Run, url: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(make_study(), evaluate=synthetic.evaluate_once_interrupted, data_root=str(tmp_path / "mark"))
    assert stored(url).evaluation(3).state is State.RUNNING


def test_a_study_changed_under_its_name_is_refused_before_anything_is_trained(run: Run, url: str) -> None:
    first = run(make_study())

    def forbidden(*arguments: object) -> None:
        raise AssertionError("trained for a study that is refused")

    with pytest.raises(InputError, match=r"space\.pruning_ratio"):
        run(make_study(space=TINY), evaluate=forbidden, baseline=forbidden)
    assert stored(url) == first


def test_a_baseline_that_cannot_be_trained_ends_the_run_and_stores_nothing(run: Run, url: str) -> None:
    def broken(study: object, data_root: object, splits: object) -> synthetic.Evaluation:
        return dataclasses.replace(synthetic.baseline(make_study()), state=State.FAILED, reason="TrainingDiverged: nan")

    with pytest.raises(StudyAborted, match="uncompressed network could not be trained: TrainingDiverged: nan"):
        run(make_study(), baseline=broken)
    assert not Path(url.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        ({"sampler": "tpee"}, "unknown sampler 'tpee'; did you mean 'tpe'"),
        ({"engine": "locale"}, "unknown engine 'locale'; did you mean 'local'"),
        (
            {"options": {"multivariat": True}, "sampler": "tpe"},
            "unknown option 'multivariat'; did you mean 'multivariate'",
        ),
    ],
)
def test_a_wrong_name_is_found_before_the_store_is_touched(
    run: Run, url: str, search: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        run(make_study(**search))
    assert not Path(url.removeprefix("sqlite:///")).exists()


def test_the_history_of_the_front_has_one_snapshot_for_each_finished_trial(run: Run) -> None:
    results = run(make_study(trials=6))
    assert [snapshot.finished for snapshot in results.fronts] == [1, 2, 3, 4, 5, 6]


def test_the_hypervolume_never_falls(run: Run) -> None:
    volumes = [snapshot.hypervolume or 0.0 for snapshot in run(make_study(trials=12)).fronts]
    assert volumes == sorted(volumes)


def test_the_last_snapshot_is_the_front_of_all_trials(run: Run) -> None:
    results = run(make_study(trials=12))
    assert results.fronts[-1].members == results.front.trials
    assert results.fronts[-1].hypervolume == pytest.approx(results.hypervolume)


def test_progress_is_told_through_all_phases_in_their_order(run: Run) -> None:
    told: list[Progress] = []
    run(make_study(trials=4, seeds_on_front=2, constraints=TIGHT), on_progress=told.append)
    assert list(dict.fromkeys(progress.phase for progress in told)) == list(PHASES)
    last = told[-1]
    assert (last.complete, last.running, last.trials) == (4, 0, 4)
    assert last.skipped > 0
    assert last.front_size > 0
    assert last.measured == last.to_measure > 0
    assert last.hypervolume is not None
    assert math.isfinite(last.hypervolume)
    assert last.seconds_left == 0.0
