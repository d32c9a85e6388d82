"""The stopping rule: a worker's decision is a pure function of plain values, and what it may risk."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import Configuration
from dse.curve_forecast import Forecast
from dse.early_stopping import LARGEST_RISK, StoppingRule, allowed_risk
from studies import State
from studies.membership import log_error
from tests.dse.search.synthetic import WORKLOAD
from tests.dse.test_curve_forecast import EPOCHS, RISKS, drawn, fitted


def test_a_stop_may_risk_more_where_it_saves_more_and_where_more_trials_are_on_the_front() -> None:
    risks = [allowed_risk(0.1, epoch, 6) for epoch in range(1, 6)]
    assert risks == sorted(risks, reverse=True)
    assert risks[0] == pytest.approx(5 * risks[4])
    assert allowed_risk(0.05, 1, 6) == pytest.approx(risks[0] / 2)
    assert allowed_risk(1.0, 1, 6, risk=100.0) <= LARGEST_RISK


def test_joining_the_front_takes_more_than_a_tie() -> None:
    forecast = Forecast(end=float(log_error(0.9)), expected=(0.0,), weights=(0.0,), unusual=((0.0,),), width=0.0)
    assert not StoppingRule(0.899, 7, 2, (forecast,)).stops([0.5])
    assert StoppingRule(0.899, 7, 2, (forecast,), step=0.01).stops([0.5])
    assert fitted(*drawn(20, 0)).step == pytest.approx(float(np.diff(np.unique(drawn(20, 0)[0])).min()), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.0, 1.0), st.integers(1, EPOCHS - 1))
def test_a_training_stops_exactly_when_its_optimistic_end_is_below_what_is_needed(
    seed: int, needed: float, epoch: int
) -> None:
    curves, known = drawn(21, seed)
    forecasts = fitted(curves[:20], known[:20]).forecasts(known[20], RISKS)
    rule = StoppingRule(needed, 7, EPOCHS, forecasts)
    forecast = forecasts[epoch - 1]
    curve = list(curves[20, :epoch])
    assert rule.stops(curve) == (forecast.optimistic(curve) < needed)


def test_a_finished_training_and_one_without_forecasts_never_stop() -> None:
    curves, known = drawn(21, 0)
    rule = StoppingRule(2.0, 7, EPOCHS, fitted(curves[:20], known[:20]).forecasts(known[20], RISKS))
    assert rule.stops(list(curves[20, :1]))
    assert not rule.stops(list(curves[20]))
    assert not rule.stops([])
    assert not StoppingRule(2.0, 7, EPOCHS, ()).stops([0.1])


def test_a_rule_survives_the_way_to_a_worker_and_decides_the_same() -> None:
    curves, known = drawn(21, 3)
    rule = StoppingRule(0.8, 7, EPOCHS, fitted(curves[:20], known[:20]).forecasts(known[20], RISKS))
    assert pickle.loads(pickle.dumps(rule)) == rule


def test_a_stopped_trial_keeps_its_curve_what_was_expected_and_the_reason() -> None:
    curves, known = drawn(21, 3)
    rule = StoppingRule(0.999, 7, EPOCHS, fitted(curves[:20], known[:20]).forecasts(known[20], RISKS))
    curve = list(curves[20, :2])
    stopped = rule.stopped(4, 11, Configuration.uniform(WORKLOAD, time_steps=2), curve, 1.5)
    assert (stopped.trial, stopped.seed, stopped.state, stopped.seconds) == (4, 11, State.STOPPED, 1.5)
    assert stopped.curve == tuple(curve)
    assert stopped.expected_accuracy is not None
    assert curve[-1] < stopped.expected_accuracy < 0.999
    assert stopped.reason.startswith("stopped after epoch 2 of 6: ")
    assert "trial 7 has 99.9% at no more cost" in stopped.reason
