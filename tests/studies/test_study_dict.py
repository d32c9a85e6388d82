from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given

from studies import DesignSpace, LayerChoices, Search, Study, Training, fingerprint, study_from_dict, study_to_dict
from studies.design_space import Choices
from studies.study_dict import first_difference
from tests import strategies


@given(strategies.studies)
def test_a_study_survives_json(study: Study) -> None:
    assert study_from_dict(json.loads(json.dumps(study_to_dict(study)))) == study


@given(strategies.studies)
def test_equal_studies_have_equal_hashes_and_fingerprints(study: Study) -> None:
    again = study_from_dict(study_to_dict(study))
    assert hash(again) == hash(study)
    assert fingerprint(again) == fingerprint(study)


@given(strategies.studies)
def test_more_trials_and_workers_are_the_same_search(study: Study) -> None:
    longer = replace(study, search=replace(study.search, trials=1000, workers=99, engine="ray", seeds_on_front=7))
    assert fingerprint(longer) == fingerprint(study)
    assert first_difference(study, longer) is None


def test_other_training_is_another_search() -> None:
    study = Study("a")
    other = replace(study, training=Training(epochs=9))
    assert fingerprint(other) != fingerprint(study)
    assert first_difference(study, other) == ("training.epochs", "8", "9")


def test_a_key_that_only_one_study_has_differs() -> None:
    study = Study("a")
    other = replace(study, space=DesignSpace(layers={"fc": LayerChoices(weight_bits=Choices((8,)))}))
    assert first_difference(study, other) == ("space.layer.fc.weight_bits", "not set", "[8]")
    assert first_difference(other, study) == ("space.layer.fc.weight_bits", "[8]", "not set")


def test_another_sampler_is_another_search() -> None:
    assert first_difference(Study("a"), Study("a", search=Search(sampler="nsga2"))) == (
        "search.sampler",
        '"known_cost"',
        '"nsga2"',
    )
