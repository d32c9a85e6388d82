"""Whatever the order in which workers finish, and wherever a run is interrupted, the trials are the same."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies import Evaluation
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.engines import one_process
from tests.dse.search.synthetic import Job, make_study


def failing_sometimes(job: Job) -> Evaluation:
    if job.seed % 4 == 0:
        raise RuntimeError(f"trial {job.trial} has bad luck")
    return synthetic.evaluate(job)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 999),
    workers=st.integers(2, 4),
    interruptions=st.lists(st.integers(0, 6), max_size=3),
    sampler=st.sampled_from(["known_cost", "tpe", "nsga2"]),
)
def test_order_and_interruptions_do_not_change_the_trials(
    run: Run,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    workers: int,
    interruptions: list[int],
    sampler: str,
) -> None:
    every: dict[str, dict[str, Any]] = {"nsga2": {"population_size": 4}, "tpe": {"n_startup_trials": 4}}
    options = every.get(sampler, {})
    limits = {"memory_bytes": 2000.0}
    study = make_study(trials=11, workers=workers, sampler=sampler, options=options, constraints=limits)
    folder = tmp_path_factory.mktemp("order")
    with one_process():
        expected = run(study, storage_url=f"sqlite:///{folder / 'expected.db'}", evaluate=failing_sometimes)
    order, url = random.Random(seed), f"sqlite:///{folder / 'shuffled.db'}"
    for interrupt_after in interruptions:
        with contextlib.suppress(KeyboardInterrupt), one_process(order, interrupt_after):
            run(study, storage_url=url, evaluate=failing_sometimes)
    with one_process(order):
        shuffled = run(study, storage_url=url, evaluate=failing_sometimes)
    assert shuffled.evaluations == expected.evaluations
    assert shuffled.fronts == expected.fronts
