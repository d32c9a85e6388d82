"""The method as a choice: what is in force, what is idle, and what a study file may say about it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError
from studies import DesignSpace, Method, MethodChoices, Study, study_from_dict, study_to_dict
from tests import strategies

CHOICES = MethodChoices(
    pruning=("magnitude", "autoprune"),
    options={
        "magnitude": {"ramp": (0.3, 0.6)},
        "autoprune": {"push": (1e-3, 1e-4), "rule": ("sign", "chain")},
    },
)


def test_options_of_a_method_that_was_not_chosen_are_not_in_force() -> None:
    everything = {
        "method.magnitude.ramp": 0.6,
        "method.autoprune.push": 1e-4,
        "method.autoprune.rule": "chain",
    }
    assert CHOICES.in_force({"method.pruning": "magnitude", **everything}) == {
        "pruning": "magnitude",
        "magnitude.ramp": 0.6,
    }
    assert CHOICES.in_force({"method.pruning": "autoprune", **everything}) == {
        "pruning": "autoprune",
        "autoprune.push": 1e-4,
        "autoprune.rule": "chain",
    }


def test_a_float_that_comes_back_slightly_off_is_the_value_that_was_meant() -> None:
    off = {"method.pruning": "magnitude", "method.magnitude.ramp": 0.30000000000000004}
    assert CHOICES.in_force(off)["magnitude.ramp"] == 0.3


def test_the_method_of_a_trial_has_the_chosen_options_beside_the_studys_own() -> None:
    study = Study("a", method=Method(options={"magnitude": {"updates": 7}}), space=DesignSpace(method=CHOICES))
    chosen = study.method_of({"method.pruning": "magnitude", "method.magnitude.ramp": 0.6})
    assert (chosen.pruning, chosen.options) == ("magnitude", {"magnitude": {"updates": 7, "ramp": 0.6}})
    assert study.method_of({"method.pruning": "autoprune"}).options["magnitude"] == {"updates": 7}


def test_a_study_without_choices_keeps_its_own_method() -> None:
    study = Study("a", method=Method(pruning="none", options={"none": {}}))
    assert study.method_of({"conv1/pruning_ratio": 0.5}) == study.method


@given(strategies.method_choices())
def test_every_value_comes_into_force_at_least_once(choices: MethodChoices) -> None:
    seen = [choices.in_force(one) for one in choices.each_value()]
    for name, values in choices.parameters().items():
        key = name.removeprefix("method.")
        assert {repr(one[key]) for one in seen if key in one} == {repr(value) for value in values}


@given(strategies.method_choices(), st.data())
def test_what_is_in_force_is_among_the_choices(choices: MethodChoices, data: st.DataObject) -> None:
    picked = {name: data.draw(st.sampled_from(values)) for name, values in choices.parameters().items()}
    for key, value in choices.in_force(picked).items():
        assert value in choices.parameters()[f"method.{key}"]


def test_a_study_file_says_it_in_the_shape_of_the_method_table() -> None:
    space = {
        "method": {
            "pruning": ["magnitude", "admm"],
            "weight_quantizer": "uniform",
            "admm": {
                "rho": [0.01, 0.001],
                "updates": {"low": 10, "high": 30, "step": 10},
                "hardware_aware": [True, False],
            },
        }
    }
    choices = study_from_dict({"name": "a", "space": space}).space.method
    assert choices.parameters() == {
        "method.pruning": ("magnitude", "admm"),
        "method.weight_quantizer": ("uniform",),
        "method.admm.rho": (0.001, 0.01),
        "method.admm.updates": (10, 20, 30),
        "method.admm.hardware_aware": (True, False),
    }


def test_a_definition_that_was_stored_before_there_were_choices_is_read_as_it_was() -> None:
    study = Study("a")
    old = json.loads(json.dumps(study_to_dict(study)))
    del old["space"]["method"]
    assert study_from_dict(old) == study


@pytest.mark.parametrize(
    ("method", "own", "words"),
    [
        ({"prunning": ["admm"]}, {}, ["space.method", "'prunning'", "did you mean 'pruning'"]),
        ({"pruning": [1]}, {}, ["space.method.pruning is [1]", "list of names"]),
        ({"slr": {"rho": [0.1, 0.2]}}, {}, ["space.method", "'slr'", "magnitude"]),
        ({"magnitude": {"ramp": []}}, {}, ["space.method.magnitude.ramp", "at least one value"]),
        ({"magnitude": {"ramp": [[1]]}}, {}, ["space.method.magnitude.ramp has the choice [1]"]),
        ({"magnitude": {"ramp": {"low": 0.1, "high": 0.5}}}, {}, ["space.method.magnitude.ramp", "needs a step"]),
        (
            {"magnitude": {"ramp": [0.2, 0.4]}},
            {"magnitude": {"ramp": 0.3}},
            ["method.magnitude.ramp is fixed", "keep one"],
        ),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_key(method: object, own: object, words: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        study_from_dict({"name": "a", "method": own, "space": {"method": method}})
    for word in words:
        assert word in str(refused.value)
