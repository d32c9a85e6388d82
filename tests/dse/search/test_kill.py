from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cost_models import InputError
from studies import State, StudyStore
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.engines import one_process
from tests.dse.search.synthetic import make_study

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import signal
import sys
from dse.search.run import run_study
from tests.dse.search import synthetic

if __name__ == "__main__":
    # As in a terminal: a test runner in the background of a shell hands down an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    study = synthetic.make_study(trials=12, sampler="known_cost", workers=int(sys.argv[2]), seeds_on_front=1)
    run_study(study, sys.argv[1], evaluate=synthetic.evaluate_slowly, baseline=synthetic.baseline,
              trace_study=synthetic.trace_study, probe=synthetic.probe)
"""


def start(tmp_path: Path, url: str, workers: int) -> subprocess.Popen[bytes]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(script), url, str(workers)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_trials(url: str, count: int) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists():
            with StudyStore(url) as store:
                if "synthetic" in store.names() and store.results("synthetic").finished >= count:
                    return
        time.sleep(0.05)
    raise TimeoutError("the run did not get that far")


def group_ends(group: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_loses_nothing_but_the_trials_in_flight(run: Run, url: str, tmp_path: Path, workers: int) -> None:
    process = start(tmp_path, url, workers)
    wait_for_trials(url, 4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert group_ends(process.pid)  # workers whose parent is gone do not train on
    with StudyStore(url) as store:
        before = store.evaluations("synthetic")
    assert sum(e.state is State.RUNNING for e in before) <= workers

    study = make_study(trials=12, sampler="known_cost", workers=workers, seeds_on_front=1)
    with one_process():
        resumed = run(study)
    assert resumed.finished == 12
    assert [e.trial for e in resumed.evaluations] == list(range(len(resumed.evaluations)))
    complete = [e.asked for e in resumed.evaluations if e.state is State.COMPLETE]
    assert len(set(complete)) == len(complete)
    for earlier in before:
        assert earlier.trial is not None
        later = resumed.evaluation(earlier.trial)
        assert (later.asked, later.seed, later.choices) == (earlier.asked, earlier.seed, earlier.choices)
        if earlier.state is State.COMPLETE:
            assert later.values("validation") == earlier.values("validation")
            assert later.seconds == earlier.seconds

    with one_process():
        untouched = run(study, storage_url=f"sqlite:///{tmp_path / 'untouched.db'}")
    assert resumed.evaluations == untouched.evaluations
    assert resumed.fronts == untouched.fronts


def test_ctrl_c_ends_a_run_with_workers_and_leaves_no_process_behind(run: Run, url: str, tmp_path: Path) -> None:
    process = start(tmp_path, url, 2)
    wait_for_trials(url, 3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert process.wait(timeout=60) != 0
    assert group_ends(process.pid)
    with one_process():
        assert run(make_study(trials=12, sampler="known_cost", workers=2, seeds_on_front=1)).finished == 12


def test_a_study_that_is_being_run_is_refused_to_a_second_process(run: Run, url: str, tmp_path: Path) -> None:
    process = start(tmp_path, url, 1)
    try:
        wait_for_trials(url, 1)
        with pytest.raises(InputError, match=r"being run by another process \(lock .*synthetic.*\.lock\)"):
            run(make_study(trials=12, sampler="known_cost"), evaluate=synthetic.evaluate)
    finally:
        process.kill()
        process.wait()
