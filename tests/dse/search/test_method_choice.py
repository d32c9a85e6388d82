"""A study whose space includes the method: run, repeated, resumed and shown."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pytest
from typer.testing import CliRunner

from cost_models import ConfigurationBatch, InputError, estimate, load_hardware
from dse.cli import app
from dse.documents import trial_document
from dse.evaluate import Job, trace_study
from dse.methods import check_space, granularity_of
from dse.search.forecast import CostForecast
from dse.search.limits import CostGate
from dse.search.suggest import SearchSpace
from studies import Choices, DesignSpace, Evaluation, LayerChoices, Method, MethodChoices, State, StudyStore
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import WORKLOAD, make_study

TWO = MethodChoices(pruning=("magnitude", "none"))
WITH_OPTION = MethodChoices(pruning=("magnitude", "none"), options={"magnitude": {"ramp": (0.3, 0.6)}})
#: Two values of the first layer's bits and nothing else to choose but the method.
TINY = DesignSpace(weight_bits=Choices((4,)), time_steps=Choices((1,)))


def tiny(method: MethodChoices) -> DesignSpace:
    bits = LayerChoices(weight_bits=Choices((2, 4)))
    return dataclasses.replace(TINY, layers={"conv1": bits}, method=method)


def evaluate_by_method(job: Job) -> Evaluation:
    """As the synthetic evaluation, but "none" is less accurate; says in the reason which method it saw."""
    result = synthetic.evaluate(job)
    method = job.study.method_of(job.choices)
    shift = 0.0 if method.pruning == "magnitude" else -0.1
    moved = tuple(dataclasses.replace(m, value=m.value + shift) for m in result.measurements)
    return dataclasses.replace(result, measurements=moved, reason=f"{method.pruning} {method.options}")


def test_the_method_is_an_unordered_category_of_the_search() -> None:
    space = SearchSpace.of(tiny(WITH_OPTION), WORKLOAD)
    assert space.distributions() == {
        "conv1/weight_bits": optuna.distributions.IntDistribution(2, 4, step=2),
        "method.pruning": optuna.distributions.CategoricalDistribution(("magnitude", "none")),
        "method.magnitude.ramp": optuna.distributions.FloatDistribution(0.3, 0.6, step=0.3),
    }


def test_a_proposal_is_priced_by_what_its_own_method_removes() -> None:
    def granularity(choices: Mapping[str, object]) -> str:
        return "channel" if choices["method.pruning"] == "none" else "weight"

    space = SearchSpace.of(dataclasses.replace(synthetic.SPACE, method=TWO), WORKLOAD, granularity)
    rows = space.random_rows(20, np.random.default_rng(0))
    configurations = [space.configuration_at(row) for row in rows]
    expected = ConfigurationBatch.of(WORKLOAD, configurations)
    assert {budget.granularity for one in configurations for budget in one.budgets} == {"weight", "channel"}
    np.testing.assert_array_equal(space.batch(rows).channel, expected.channel)
    np.testing.assert_array_equal(space.batch(rows).pruning_ratio, expected.pruning_ratio)
    for budget, channels in ((one["conv1"], 8) for one in configurations):
        proposed = [0.0, 2 / 8, 5 / 8, 7 / 8] if budget.granularity == "channel" else [0.0, 0.3, 0.6, 0.9]
        assert budget.pruning_ratio in proposed
        assert channels == WORKLOAD["conv1"].channels


def unpruned_or_magnitude(*order: str) -> SearchSpace:
    study = make_study(space=dataclasses.replace(synthetic.SPACE, method=MethodChoices(pruning=order)))
    return SearchSpace.of(study.space, WORKLOAD, partial(granularity_of, study))


def test_where_a_trial_comes_out_unpruned_its_ratios_are_0_also_where_many_are_priced_at_once() -> None:
    space = unpruned_or_magnitude("magnitude", "none")
    rows = space.random_rows(40, np.random.default_rng(0))
    configurations = [space.configuration_at(row) for row in rows]
    for row, configuration in zip(rows, configurations, strict=True):
        chosen = space.choices(row)
        for budget in configuration.budgets:
            proposed = chosen[f"{budget.layer}/pruning_ratio"]
            assert budget.pruning_ratio == pytest.approx(proposed if chosen["method.pruning"] == "magnitude" else 0.0)
    np.testing.assert_array_equal(
        space.batch(rows).pruning_ratio, ConfigurationBatch.of(WORKLOAD, configurations).pruning_ratio
    )
    gate = CostGate(space, WORKLOAD, load_hardware("edge_asic_45nm"), {"memory_bytes": 1200.0})
    memory = [estimate(WORKLOAD, one, gate.hardware).total.memory_bytes for one in configurations]
    np.testing.assert_allclose(gate.costs(rows)["memory_bytes"], memory)
    columns = {p.name: np.array([p.values[i] for i in rows[:, at]]) for at, p in enumerate(space.free)}
    np.testing.assert_allclose(CostForecast(gate).excess(columns)[:, 0], np.array(memory) / 1200.0 - 1.0)


def test_rows_that_differ_only_in_the_ratios_of_an_unpruned_trial_are_one_configuration() -> None:
    space = unpruned_or_magnitude("magnitude", "none")
    ratio = [p.name for p in space.free].index("fc/pruning_ratio")
    method = [p.name for p in space.free].index("method.pruning")
    rows = np.zeros((4, len(space.free)), dtype=np.intp)
    rows[:, method] = [0, 0, 1, 1]
    rows[:, ratio] = [0, 3, 0, 3]
    dense, pruned, unpruned, also_unpruned = (space.identity_at(row) for row in rows)
    assert unpruned == also_unpruned
    assert len({dense, pruned, unpruned}) == 3


@pytest.mark.parametrize("order", [("magnitude", "none"), ("none", "magnitude")])
def test_the_cheapest_configuration_is_a_pruned_one_whatever_method_is_named_first(order: tuple[str, str]) -> None:
    space = unpruned_or_magnitude(*order)
    gate = CostGate(space, WORKLOAD, load_hardware("edge_asic_45nm"), {})
    cheapest = space.configuration_at(gate.cheapest({"memory_bytes": 1.0}))
    assert [budget.pruning_ratio for budget in cheapest.budgets] == [0.9, 0.9, 0.9]


def test_ratios_in_a_space_whose_only_method_does_not_prune_are_refused_before_anything_is_trained() -> None:
    ratios = DesignSpace(pruning_ratio=Choices((0.0, 0.8)))
    fixed = dataclasses.replace(make_study(space=ratios), method=Method(pruning="none"))
    chosen = make_study(space=dataclasses.replace(ratios, method=MethodChoices(pruning=("none",))))
    for study in (fixed, chosen):
        with pytest.raises(InputError, match=r"may get pruning_ratio 0\.8, but method\.pruning is 'none'"):
            check_space(study, WORKLOAD)
        unpruned = dataclasses.replace(study.space, pruning_ratio=Choices((0.0,)))
        check_space(dataclasses.replace(study, space=unpruned), WORKLOAD)


def test_an_unpruned_trial_does_not_say_that_its_layers_were_left_dense_below_break_even(run: Run) -> None:
    space = dataclasses.replace(synthetic.SPACE, method=TWO)
    results = run(dataclasses.replace(make_study(trials=12, space=space), below_break_even="restore"))
    unpruned = [e for e in results.evaluations if e.choices["method.pruning"] == "none"]
    assert any(e.choices["fc/pruning_ratio"] > 0 for e in unpruned)
    assert all(not trial_document(results.study, e)["restored_to_dense"] for e in unpruned)


def test_every_trial_is_evaluated_with_the_method_that_it_chose(run: Run) -> None:
    results = run(make_study(trials=6, space=tiny(WITH_OPTION)), evaluate=evaluate_by_method)
    seen = {e.reason for e in results.evaluations if e.state is State.COMPLETE}
    assert seen == {"magnitude {'magnitude': {'ramp': 0.3}}", "magnitude {'magnitude': {'ramp': 0.6}}", "none {}"}


def test_the_same_configuration_under_another_method_is_a_new_trial_and_the_space_ends_with_the_last(run: Run) -> None:
    results = run(make_study(trials=50, space=tiny(TWO)))
    done = [e for e in results.evaluations if e.state is State.COMPLETE]
    assert len({(e.asked, e.choices["method.pruning"]) for e in done}) == len(done) == 4


def test_choices_that_differ_in_an_idle_option_only_are_repeats(run: Run) -> None:
    results = run(make_study(trials=50, space=tiny(WITH_OPTION)))
    done = [e for e in results.evaluations if e.state is State.COMPLETE]
    assert len(done) == 2 * (2 + 1)  # bits x (magnitude with each ramp, none)


@pytest.mark.parametrize("sampler", ["known_cost", "random", "tpe", "nsga2", "qmc"])
def test_a_resumed_study_equals_one_in_one_go(run: Run, tmp_path: Path, sampler: str) -> None:
    space = dataclasses.replace(synthetic.SPACE, method=WITH_OPTION)
    options = {"population_size": 4} if sampler == "nsga2" else {}
    run(make_study(trials=6, space=space, sampler=sampler, options=options))
    resumed = run(make_study(trials=14, space=space, sampler=sampler, options=options))
    whole = run(
        make_study(trials=14, space=space, sampler=sampler, options=options),
        storage_url=f"sqlite:///{tmp_path / 'whole.db'}",
    )
    assert resumed.evaluations == whole.evaluations


def test_limits_are_judged_without_regard_to_the_method(run: Run) -> None:
    space = dataclasses.replace(synthetic.SPACE, method=WITH_OPTION)
    results = run(make_study(trials=8, space=space, constraints={"memory_bytes": 1200.0}, sampler="tpe"))
    assert all(e.cost and e.cost.total.memory_bytes <= 1200 for e in results.evaluations if e.state is State.COMPLETE)


def test_front_members_are_trained_again_with_their_own_method(run: Run) -> None:
    study = make_study(trials=4, space=tiny(TWO), seeds_on_front=2)
    results = run(study, evaluate=evaluate_by_method)
    assert len(results.front) > 0
    for member in results.front:
        by_seed = member.values("test")
        assert len(by_seed) == 2
        for seed, value in by_seed.items():
            job = dataclasses.replace(Job.of(study, member, ("test",)), seed=seed)
            assert value == dataclasses.replace(evaluate_by_method(job), seed=seed).value("test")


def test_a_study_stored_before_there_were_choices_goes_on(run: Run, url: str) -> None:
    run(make_study(trials=3))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        (definition,) = database.execute("select definition from spikefront_studies").fetchone()
        old = json.loads(definition)
        del old["space"]["method"]
        database.execute("update spikefront_studies set definition = ?", (json.dumps(old),))
    assert sum(e.state is State.COMPLETE for e in run(make_study(trials=5)).evaluations) == 5


def test_the_commands_show_the_method_of_each_trial(run: Run, url: str) -> None:
    results = run(make_study(trials=4, space=tiny(WITH_OPTION), seeds_on_front=1), evaluate=evaluate_by_method)
    none = next(e for e in results.evaluations if e.choices["method.pruning"] == "none")

    def shown(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--storage", url])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "magnitude, none (searched)" in shown("show", "synthetic")
    assert "method: pruning none, weight_quantizer uniform" in shown("show", "synthetic", str(none.trial))
    assert json.loads(shown("show", "synthetic", str(none.trial), "--json"))["method"]["pruning"] == "none"
    members = {member.trial: member.choices["method.pruning"] for member in results.front}
    points = json.loads(shown("front", "synthetic", "--json"))["points"]
    assert {point["trial"]: point["method"]["pruning"] for point in points} == members
    for name in members.values():
        assert name in shown("front", "synthetic")
    with StudyStore(url) as store:
        frame = store.results("synthetic").to_pandas()
    assert set(frame["method/pruning"]) == {"magnitude", "none"}


def test_an_unknown_name_or_option_among_the_choices_is_found_before_anything_is_trained() -> None:
    wrong = DesignSpace(method=MethodChoices(pruning=("magnitude", "nonne")))
    with pytest.raises(InputError, match=r"'nonne'; did you mean 'none'"):
        trace_study(make_study(space=wrong))
    wrong = DesignSpace(
        method=MethodChoices(pruning=("magnitude", "none"), options={"magnitude": {"ramp": (0.5, 7.0)}})
    )
    with pytest.raises(InputError, match=r"ramp is 7\.0"):
        trace_study(make_study(space=wrong))
