from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from cost_models import Configuration, CostReport, InputError, LayerBudget, Totals
from studies import Evaluation, FrontSnapshot, Measurement, ParetoFront, Search, State, Study, StudyStore, Training
from tests import strategies

ASKED = Configuration((LayerBudget("fc", 0.5, 4, 3),), 2)


def complete(number: int | None, accuracy: float = 0.5, memory: float = 10.0) -> Evaluation:
    cost = CostReport("net", "hw", 2, (), Totals(memory_bytes=memory, energy_joules=1e-6))
    found = (Measurement("validation", "accuracy", 0, accuracy),)
    return Evaluation(number, 0, State.COMPLETE, ASKED, realised=ASKED, cost=cost, measurements=found)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StudyStore]:
    with StudyStore(f"sqlite:///{tmp_path}/dse.db") as opened:
        opened.create(Study("s"))
        yield opened


@given(st.lists(strategies.evaluations(), min_size=1, max_size=3), strategies.evaluations())
@settings(max_examples=60, deadline=None)
def test_evaluations_survive_the_database(drawn: list[Evaluation], baseline: Evaluation) -> None:
    trials = [replace(evaluation, trial=number) for number, evaluation in enumerate(drawn)]
    with StudyStore("sqlite://") as store:
        store.create(Study("s"))
        for evaluation in [*reversed(trials), baseline]:
            store.add("s", evaluation)
        assert store.evaluations("s") == trials
        assert store.baseline("s") == baseline


@given(strategies.studies)
@settings(max_examples=30, deadline=None)
def test_a_study_survives_the_database(study: Study) -> None:
    with StudyStore("sqlite://") as store:
        store.create(study)
        store.create(study)
        assert store.names() == (study.name,)
        assert store.study(study.name) == study


@given(st.lists(strategies.fronts, max_size=4, unique_by=lambda front: front.finished))
@settings(max_examples=30, deadline=None)
def test_fronts_survive_the_database(drawn: list[FrontSnapshot]) -> None:
    with StudyStore("sqlite://") as store:
        store.create(Study("s"))
        for front in drawn:
            store.add_front("s", front)
        assert store.fronts("s") == sorted(drawn, key=lambda front: front.finished)


def test_the_stored_front_is_that_of_the_stored_trials(store: StudyStore) -> None:
    trials = [complete(number, accuracy=number % 4 / 4, memory=float(number * 7 % 11)) for number in range(12)]
    for evaluation in trials:
        store.add("s", evaluation)
    assert store.results("s").front == ParetoFront.of(trials, Study("s").objectives)


def test_results_hold_everything_of_the_study(store: StudyStore) -> None:
    store.add("s", complete(None))
    store.add("s", complete(0))
    store.add_front("s", FrontSnapshot(1, 0.5, (0.0, 1.0), (0,)))
    results = store.results("s")
    assert results.study == Study("s")
    assert results.baseline == complete(None)
    assert results.evaluations == (complete(0),)
    assert results.fronts == (FrontSnapshot(1, 0.5, (0.0, 1.0), (0,)),)
    assert results.versions["python"].startswith("3.")
    assert results.created.utcoffset() is not None


def test_a_running_trial_is_replaced_when_it_ends(store: StudyStore) -> None:
    store.add("s", Evaluation(0, 0, State.RUNNING, ASKED, choices={"a": 1}))
    assert [evaluation.state for evaluation in store.evaluations("s")] == [State.RUNNING]
    store.add("s", complete(0))
    assert store.evaluations("s") == [complete(0)]


def test_a_trial_that_has_ended_is_never_overwritten(store: StudyStore) -> None:
    store.add("s", complete(0))
    with pytest.raises(InputError, match="trial 0 of study 's' is complete already"):
        store.add("s", complete(0, accuracy=0.9))
    assert store.evaluations("s") == [complete(0)]


def test_a_second_baseline_replaces_the_first(store: StudyStore) -> None:
    store.add("s", complete(None, accuracy=0.1))
    store.add("s", complete(None, accuracy=0.9))
    assert store.baseline("s") == complete(None, accuracy=0.9)


def test_measurements_are_added_and_replaced(store: StudyStore) -> None:
    store.add("s", complete(0))
    more = [Measurement("test", "accuracy", 1, 0.25), Measurement("validation", "accuracy", 0, 0.75)]
    store.add_measurements("s", 0, more)
    store.add_measurements("s", 0, more)
    store.add_measurements("s", 0, [])
    assert store.evaluations("s")[0].measurements == tuple(more)


def test_the_baseline_takes_measurements_too(store: StudyStore) -> None:
    store.add("s", complete(None))
    store.add_measurements("s", None, [Measurement("test", "accuracy", 0, 0.25)])
    baseline = store.baseline("s")
    assert baseline is not None
    assert baseline.value("test") == 0.25


@pytest.mark.parametrize(("trial", "name"), [(3, "trial 3"), (None, "baseline")])
def test_measurements_of_a_missing_trial_are_refused(store: StudyStore, trial: int | None, name: str) -> None:
    with pytest.raises(InputError, match=f"study 's' has no {name}"):
        store.add_measurements("s", trial, [])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_measurement_that_is_not_finite_makes_the_trial_a_failed_one(store: StudyStore, value: float) -> None:
    store.add("s", complete(0, accuracy=value))
    (evaluation,) = store.evaluations("s")
    assert evaluation.state is State.FAILED
    assert evaluation.reason.startswith("not a finite number: accuracy on validation is")
    assert math.isnan(evaluation.measurements[0].value)
    assert len(store.results("s").front) == 0


def test_a_measurement_that_is_not_finite_is_null_in_the_database(store: StudyStore, tmp_path: Path) -> None:
    store.add("s", complete(0, accuracy=math.inf))
    with create_engine(f"sqlite:///{tmp_path}/dse.db").connect() as connection:
        assert connection.execute(text("select value from spikefront_measurements")).all() == [(None,)]


def test_a_cost_that_is_not_finite_makes_the_trial_a_failed_one(store: StudyStore) -> None:
    store.add("s", complete(0, memory=math.nan))
    (evaluation,) = store.evaluations("s")
    assert (evaluation.state, evaluation.cost) == (State.FAILED, None)
    assert "memory_bytes is nan" in evaluation.reason


def test_costs_and_budgets_can_be_queried_by_anybody(store: StudyStore, tmp_path: Path) -> None:
    store.add("s", complete(0, memory=42.0))
    query = text(
        "select c.memory_bytes, b.weight_bits, m.value from spikefront_trials t "
        "join spikefront_costs c on c.trial_id = t.id join spikefront_measurements m on m.trial_id = t.id "
        "join spikefront_budgets b on b.trial_id = t.id where b.role = 'realised' and b.layer = 'fc'"
    )
    with create_engine(f"sqlite:///{tmp_path}/dse.db").connect() as connection:
        assert connection.execute(query).all() == [(42.0, 4.0, 0.5)]


def test_a_longer_search_goes_on_with_the_stored_study(store: StudyStore) -> None:
    longer = Study("s", search=Search(trials=500, workers=4, seeds_on_front=1))
    store.create(longer)
    assert store.study("s") == longer


def test_a_changed_study_is_refused_with_the_key_and_both_values(store: StudyStore) -> None:
    with pytest.raises(InputError, match=r"training\.epochs = 8, and now training\.epochs = 99 is asked for"):
        store.create(Study("s", training=Training(epochs=99), search=Search(trials=500)))
    assert store.study("s") == Study("s")


def test_a_missing_study_is_named_with_the_nearest_one(store: StudyStore) -> None:
    store.create(Study("digits-snn"))
    for method in (store.study, store.evaluations, store.baseline, store.fronts, store.results):
        with pytest.raises(InputError, match="unknown study 'digit-snn'; did you mean 'digits-snn'"):
            method("digit-snn")
    with pytest.raises(InputError, match="did you mean 'digits-snn'"):
        store.add("digit-snn", complete(0))


def test_studies_do_not_see_each_others_trials(store: StudyStore) -> None:
    store.create(Study("other"))
    store.add("s", complete(0))
    store.add("other", complete(0, accuracy=0.25))
    assert store.evaluations("other") == [complete(0, accuracy=0.25)]
    assert store.names() == ("s", "other")


@pytest.mark.parametrize("name", ["'; drop table spikefront_studies; --", 'a"b', "50%", ":name", "é木"])
def test_a_name_is_only_ever_a_value(store: StudyStore, name: str) -> None:
    store.create(Study(name))
    store.add(name, complete(0))
    assert store.names() == ("s", name)
    assert store.evaluations(name) == [complete(0)]


def add_from(url: str, numbers: range) -> None:
    with StudyStore(url) as store:
        for number in numbers:
            store.add("s", complete(number))


def test_two_processes_may_write_at_once(store: StudyStore) -> None:
    context = multiprocessing.get_context("spawn")
    halves = [range(0, 30), range(30, 60)]
    workers = [context.Process(target=add_from, args=(store.url, half)) for half in halves]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [evaluation.trial for evaluation in store.evaluations("s")] == list(range(60))


WRITER = """
import sys
sys.path.insert(0, {root!r})
from tests.studies.test_store import StudyStore, complete
store = StudyStore({url!r})
for number in range(100_000):
    store.add("s", complete(number, accuracy=number / 100_000))
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a matter of POSIX")
def test_a_killed_process_loses_at_most_the_trial_in_flight(repository: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/dse.db"
    with StudyStore(url) as store:
        store.create(Study("s"))
    code = WRITER.format(root=str(repository), url=url).replace("tests.studies.test_store", "writer")
    source = Path(__file__).read_text(encoding="utf-8")
    (tmp_path / "writer.py").write_text(source, encoding="utf-8")
    for pause in (0.0, 0.013, 0.05):
        with StudyStore(url) as store:
            begin = len(store.evaluations("s"))
        script = code.replace("range(100_000)", f"range({begin}, 100_000)")
        writer = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(5)]
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        seen += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.stdout.close()
        with StudyStore(url) as store:
            stored = store.evaluations("s")
        assert stored == [complete(number, accuracy=number / 100_000) for number in range(len(stored))]
        assert len(stored) - len(range(begin)) - len(seen) in (0, 1)
