"""One trial: what is asked is what the trained network becomes, the same seed gives the same, failures are values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cost_models import Configuration, InputError, Workload, estimate, load_hardware, spend_where_it_pays
from dse.compression import compress, layer_weights, settle
from dse.curve_forecast import Forecast
from dse.early_stopping import StoppingRule
from dse.evaluate import Job, baseline, evaluate, trace_study
from dse.networks import build_network
from dse.pruning import MagnitudePruning
from dse.quantizers import WEIGHT_QUANTIZERS
from dse.trace import trace
from studies import Method, MethodChoices, State, Study
from studies.design_space import Choices, DesignSpace
from studies.evaluation import HARD_PRUNED
from studies.membership import log_error
from studies.study import Task, Training


@pytest.fixture(scope="module")
def study() -> Study:
    space = DesignSpace(time_steps=Choices((2,)))
    return Study("short", space=space, training=Training(epochs=2, baseline_epochs=3, batch_size=100))


def asked(workload: Workload) -> Configuration:
    return Configuration.uniform(workload, pruning_ratio=0.37, weight_bits=4, membrane_bits=1.58, time_steps=2)


def test_a_trained_network_has_exactly_the_ratio_widths_and_steps_that_were_asked(study: Study) -> None:
    workload = trace_study(study)
    evaluation = evaluate(Job(study, asked(workload), seed=3, trial=0))
    assert evaluation.state is State.COMPLETE, evaluation.reason
    assert evaluation.realised is not None
    for layer in workload.compressible:
        budget = evaluation.realised[layer.name]
        assert round(budget.pruning_ratio * layer.weights) == round(0.37 * layer.weights)
        assert (budget.weight_bits, budget.membrane_bits) == (4, 1.58 if layer.neurons else None)
    assert evaluation.realised.time_steps == 2


def test_the_same_seed_gives_the_same_measurements_and_another_seed_others(study: Study) -> None:
    configuration = asked(trace_study(study))
    first, again, other = (evaluate(Job(study, configuration, seed, 0)) for seed in (3, 3, 4))
    assert first.measurements == again.measurements
    assert first.workload == again.workload
    assert first.workload != other.workload


def test_watching_the_curve_changes_nothing_and_its_end_is_the_accuracy_of_the_finished_network(study: Study) -> None:
    configuration = asked(trace_study(study))
    plain, watched = (evaluate(Job(study, configuration, 3, 0, curve=curve)) for curve in (False, True))
    assert watched.measurements == plain.measurements
    assert watched.workload == plain.workload
    assert not plain.curve
    assert len(watched.curve) == 2
    assert watched.curve[-1] == watched.value("validation")


def test_a_training_that_cannot_reach_what_is_needed_ends_after_its_first_epoch(study: Study) -> None:
    hopeless = Forecast(end=float(log_error(0.5)), expected=(0.0,), weights=(0.0,), unusual=((0.0,),), width=0.0)
    rule = StoppingRule(needed=0.999, rival=0, epochs=2, forecasts=(hopeless,))
    evaluation = evaluate(Job(study, asked(trace_study(study)), 3, 1, curve=True, stopping=rule))
    assert evaluation.state is State.STOPPED
    assert len(evaluation.curve) == 1
    assert "trial 0 has 99.9% at no more cost" in evaluation.reason


def test_the_test_split_is_measured_only_when_it_is_asked_for(study: Study) -> None:
    assert baseline(study).value("test") is None
    assert baseline(study, None, ("validation", "test")).value("test") is not None


def test_every_layer_with_a_spiking_input_has_a_measured_density(study: Study) -> None:
    workload = baseline(study).workload
    assert workload is not None
    densities = {layer.name: layer.input_density for layer in workload.compressible}
    assert densities.pop("conv1") == 1.0
    assert all(0.0 < density < 1.0 for density in densities.values())


def test_a_loss_that_is_not_a_number_is_a_failed_trial_with_its_reason(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(64, 10)\n"
        "    def forward(self, x):\n        return self.fc(x.flatten(1)) * float('nan')\n"
    )
    wild = replace(study, task=Task(network="broken.py:Net"))
    evaluation = evaluate(Job(wild, Configuration.uniform(trace_study(wild)), seed=0, trial=1))
    assert evaluation.state is State.FAILED
    assert evaluation.reason.startswith("TrainingDiverged: the loss is nan")


def test_an_error_in_a_users_network_is_a_failed_trial_with_its_reason(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(64, 10)\n"
        "    def forward(self, x):\n"
        "        if self.training:\n            raise ValueError('my own mistake')\n"
        "        return self.fc(x.flatten(1))\n"
    )
    own = replace(study, task=Task(network="mine.py:Net"))
    evaluation = evaluate(Job(own, Configuration.uniform(trace_study(own)), seed=0, trial=1))
    assert evaluation.state is State.FAILED
    assert "my own mistake" in evaluation.reason


@pytest.mark.parametrize("pruning", ["magnitude", "admm", "slr", "spatial_channel"])
def test_the_accuracy_at_hard_pruning_is_measured_beside_the_retrained_one(study: Study, pruning: str) -> None:
    own = replace(study, method=Method(pruning=pruning))
    uniform = Configuration.uniform(trace_study(own), pruning_ratio=0.8, time_steps=2)
    classes = replace(uniform.budgets[-1], pruning_ratio=0.0)  # which no method removes as channels
    configuration = replace(uniform, budgets=(*uniform.budgets[:-1], classes))
    evaluation = evaluate(Job(own, configuration, seed=3, trial=0, splits=("validation", "test")))
    assert evaluation.state is State.COMPLETE, evaluation.reason
    for split in ("validation", "test"):
        before, after = evaluation.value(split, HARD_PRUNED), evaluation.value(split)
        assert before is not None
        assert after is not None
        assert 0.05 < before <= 1.0
        assert before != after  # a third of the training lies between, or all of it


def test_a_method_that_never_prunes_has_no_accuracy_at_hard_pruning(study: Study) -> None:
    own = replace(study, method=Method(pruning="none"))
    evaluation = evaluate(Job(own, Configuration.uniform(trace_study(own), time_steps=2), seed=3, trial=0))
    assert evaluation.value("validation", HARD_PRUNED) is None


def test_hardware_aware_ratios_are_what_is_trained_and_stored_as_realised(study: Study) -> None:
    method = Method(pruning="admm", options={"admm": {"hardware_aware": True}})
    own = replace(study, method=method, hardware="admm_nn_40nm")
    workload = trace_study(own)
    asked_for = Configuration.uniform(workload, pruning_ratio=0.8, time_steps=2)
    conv1 = replace(asked_for.budgets[0], pruning_ratio=0.2)  # below the break-even of 55 %
    asked_for = Configuration((conv1, *asked_for.budgets[1:]), 2)
    evaluation = evaluate(Job(own, asked_for, seed=3, trial=0))
    planned = spend_where_it_pays(workload, asked_for, load_hardware("admm_nn_40nm"))
    assert evaluation.asked == asked_for
    assert evaluation.realised is not None
    assert evaluation.realised["conv1"].pruning_ratio == 0.0
    for layer in workload.compressible:
        realised, expected = evaluation.realised[layer.name].pruning_ratio, planned[layer.name].pruning_ratio
        assert round(realised * layer.weights) == round(expected * layer.weights)


def test_the_method_of_a_trial_is_the_one_that_its_choices_name(study: Study) -> None:
    space = replace(study.space, method=MethodChoices(pruning=("magnitude", "admm", "slr")))
    own = replace(study, space=space)
    configuration = Configuration.uniform(trace_study(own), pruning_ratio=0.8, time_steps=2)
    found = {}
    for name in space.method.pruning:
        job = Job(own, configuration, seed=3, trial=0, choices={"method.pruning": name})
        alone = Job(replace(study, method=Method(pruning=name)), configuration, seed=3, trial=0)
        found[name] = evaluate(job).measurements
        assert found[name] == evaluate(alone).measurements
    assert found["magnitude"] != found["admm"] != found["slr"]


def test_an_unknown_option_of_a_method_is_named(study: Study) -> None:
    wrong = replace(study, method=replace(study.method, options={"magnitude": {"rampp": 0.5}}))
    with pytest.raises(InputError, match=r"rampp.*did you mean 'ramp'"):
        trace_study(wrong)


def test_a_settled_network_holds_plain_weights_with_the_values_it_computed_with() -> None:
    torch.manual_seed(0)
    network = build_network("spiking_cnn", (1, 8, 8), 10, time_steps=2)
    workload = trace(network, (1, 8, 8))
    method = MagnitudePruning()
    compress(network, workload, asked(workload), method, WEIGHT_QUANTIZERS["uniform"]())
    method.settle()
    before = {name: weight.effective.detach().clone() for name, weight in layer_weights(network, workload).items()}
    settle(network, workload, asked(workload), method)
    for name, weight in layer_weights(network, workload).items():
        assert isinstance(weight.effective, torch.nn.Parameter)
        assert torch.equal(weight.effective, before[name])
        assert len(weight.effective.unique()) <= 2**4


def test_a_method_that_finds_its_ratios_has_them_as_the_trials_realised_configuration_and_in_its_cost(
    study: Study,
) -> None:
    options = {"autoprune": {"ratios": "own", "regularisation": 2e-2, "learn": 0.9}}
    own = replace(study, method=Method("autoprune", options=options))
    workload = trace_study(own)
    configuration = Configuration.uniform(workload, pruning_ratio=0.95, membrane_bits=32, time_steps=2)
    evaluation = evaluate(Job(own, configuration, seed=3, trial=0))
    assert evaluation.state is State.COMPLETE, evaluation.reason
    assert evaluation.asked == configuration
    assert evaluation.realised is not None
    assert evaluation.workload is not None
    ratios = {budget.layer: budget.pruning_ratio for budget in evaluation.realised.budgets}
    assert 0.0 < min(ratios.values()) < 0.9
    assert max(ratios.values()) <= 0.951
    assert evaluation.cost == estimate(evaluation.workload, evaluation.realised, load_hardware(own.hardware))
    assert 0.0 <= evaluation.values("training", "recovered_share")[3] <= 1.0
    # Another seed meets what this one found, so that the accuracies of all seeds belong to one cost.
    other = evaluate(Job(own, configuration, seed=4, trial=0, found=evaluation.realised))
    assert other.realised == evaluation.realised


def test_an_unknown_kind_of_task_is_found_before_anything_is_trained() -> None:
    with pytest.raises(InputError, match="unknown kind of task 'regression'; known: classification"):
        trace_study(Study("a", task=Task(kind="regression")))
