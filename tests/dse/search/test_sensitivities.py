from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from optuna.samplers import RandomSampler
from torch.nn import functional

from cost_models import InputError
from dse.evaluate import baseline, network_of, training_of
from dse.measurement import predict
from dse.search import proposer
from dse.search.samplers import SAMPLERS, probes_wanted, probing
from dse.search.sensitivities import PREFIX, SAMPLES, probed_sensitivities, sensitivities_of
from studies import Choices, DesignSpace, Evaluation, LayerChoices, Measurement, Search, Study, Training
from studies.study import Task
from tests.dse.search import synthetic
from tests.dse.search.conftest import Run
from tests.dse.search.synthetic import make_study

SPACE = DesignSpace(
    pruning_ratio=Choices((0.0, 0.5, 0.95)),
    weight_bits=Choices((2, 4, 8)),
    time_steps=Choices((2,)),
    layers={"fc2": LayerChoices(pruning_ratio=Choices((0.0,)), weight_bits=Choices((8,)))},
)
STUDY = Study(
    "probed",
    task=Task("spiking_cnn", "digits"),
    space=SPACE,
    training=Training(epochs=1, baseline_epochs=2, batch_size=50),
)


@pytest.fixture(scope="module")
def float_network() -> Evaluation:
    return baseline(STUDY)


@pytest.fixture(scope="module")
def probed(float_network: Evaluation) -> dict[str, float]:
    return {m.metric: m.value for m in probed_sensitivities(STUDY, float_network)}


def test_each_free_parameter_of_a_layer_has_a_sensitivity(probed: dict[str, float]) -> None:
    free = [f"{layer}/{field}" for layer in ("conv1", "conv2", "fc1") for field in ("pruning_ratio", "weight_bits")]
    assert set(probed) == {PREFIX + name for name in free}


def test_a_sensitivity_is_the_rise_of_the_loss_when_one_layer_alone_is_pruned(
    float_network: Evaluation, probed: dict[str, float]
) -> None:
    samples, _, _ = training_of(STUDY, None, 2)
    samples = samples.subset(torch.arange(min(SAMPLES, len(samples))))
    losses = []
    for removed in (0.0, 0.95, 0.5):
        network, _, _ = network_of(STUDY, float_network)
        weight = dict(network.named_parameters())["body.fc1.weight"]
        with torch.no_grad():
            order = weight.abs().flatten().argsort()
            weight.view(-1)[order[: round(removed * weight.numel())]] = 0.0
        losses.append(functional.cross_entropy(predict(network, samples), samples.targets))
    rises = torch.stack(losses[1:]) - losses[0]
    assert probed[PREFIX + "fc1/pruning_ratio"] == pytest.approx(float(rises.log().mean()), abs=0.05)


def test_the_network_is_left_as_it_was(float_network: Evaluation) -> None:
    probed_sensitivities(STUDY, float_network)
    again = baseline(STUDY)
    assert again.value("validation") == float_network.value("validation")


def test_they_are_probed_once_kept_with_the_study_and_told_to_every_proposal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes, told = [], []

    def probe(*arguments: Any) -> tuple[Measurement, ...]:
        probes.append(arguments)
        return synthetic.probe(*arguments)

    made = SAMPLERS["known_cost"]

    def watched(study: Study, seed: int, forecast: Any = None, sensitivities: Any = None) -> Any:
        told.append(sensitivities)
        return made(study, seed, forecast, sensitivities)

    monkeypatch.setattr(proposer, "SAMPLERS", {"known_cost": watched})
    run(make_study(trials=3, sampler="known_cost"), probe=probe)
    results = run(make_study(trials=6, sampler="known_cost"), probe=probe)
    assert len(probes) == 1
    assert results.baseline is not None
    expected = {"conv1/weight_bits": -1.0, "conv2/weight_bits": -2.0, "fc/pruning_ratio": 0.5}
    assert sensitivities_of(results.baseline) == expected
    asked = [one for one in told if one is not None]
    assert len(asked) == 6
    assert all(one == expected for one in asked)


@pytest.mark.parametrize(
    "search", [{"sampler": "tpe"}, {"sampler": "known_cost", "options": {"sensitivities": False}}], ids=["tpe", "off"]
)
def test_nothing_is_probed_for_a_sampler_that_does_not_want_it(run: Run, search: dict[str, Any]) -> None:
    def forbidden(*arguments: Any) -> tuple[Measurement, ...]:
        raise AssertionError("probed")

    study = make_study(trials=2, **search)
    assert not probes_wanted(study)
    assert run(study, probe=forbidden).finished == 2


def test_an_own_sampler_gets_probes_by_asking_for_them_and_none_without(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def own(study: Study, seed: int, forecast: Any = None, sensitivities: Any = None) -> RandomSampler:
        told.append(sensitivities)
        return RandomSampler(seed)

    for name, make in (("asking", probing(lambda study: True)(copy_of(own))), ("not_asking", own)):
        monkeypatch.setitem(SAMPLERS._entries, name, make)
        told.clear()
        study = replace(make_study(trials=2, sampler=name), name=name)
        results = run(study, probe=synthetic.probe)
        assert probes_wanted(study) is (name == "asking")
        assert results.baseline is not None
        assert bool(sensitivities_of(results.baseline)) is (name == "asking")
        assert any(told) is (name == "asking")


def copy_of(make: Any) -> Any:
    """Another function that does the same, so that a mark on it stays off the first."""
    return lambda *arguments, **named: make(*arguments, **named)


def test_a_study_without_stored_sensitivities_goes_on(run: Run) -> None:
    results = run(make_study(trials=7, sampler="known_cost"), probe=lambda *arguments: ())
    assert results.baseline is not None
    assert sensitivities_of(results.baseline) == {}
    assert results.finished == 7


def test_the_option_is_true_or_false() -> None:
    study = replace(make_study(), search=Search(sampler="known_cost", options={"sensitivities": "no"}))
    with pytest.raises(InputError, match="sensitivities is 'no'; it is true or false"):
        SAMPLERS["known_cost"](study, 0)
