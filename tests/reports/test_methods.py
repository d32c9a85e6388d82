"""The methods section: only where the method was a choice, and each front made of that method's own trials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports import methods, render
from reports.frame import trials_frame
from studies.evaluation import HARD_PRUNED, Measurement
from studies.method_choices import MethodChoices
from studies.pareto import ParetoFront
from studies.results import StudyResults
from tests.reports import synthetic

NAMES = ("magnitude", "admm", "slr")


@pytest.fixture
def chosen() -> StudyResults:
    """Trials that took the methods in turn, each also measured right after hard pruning."""
    plain = synthetic.results(trials=45, failed=2)
    space = replace(plain.study.space, method=MethodChoices(pruning=NAMES))
    trials = []
    for evaluation in plain.evaluations:
        before = tuple(
            Measurement(m.split, HARD_PRUNED, m.seed, m.value - 0.1)
            for m in evaluation.measurements
            if m.split == "validation"
        )
        name = NAMES[(evaluation.trial or 0) % 3]
        measured = (*evaluation.measurements, *before)
        trials.append(replace(evaluation, choices={"method.pruning": name}, measurements=measured))
    return replace(plain, study=replace(plain.study, space=space), evaluations=tuple(trials))


def test_a_study_with_one_method_has_no_such_section(results: StudyResults) -> None:
    assert methods.draw(results) is None


def test_a_choice_of_options_alone_makes_no_section(results: StudyResults) -> None:
    options = MethodChoices(options={"magnitude": {"ramp": (0.3, 0.6)}})
    study = replace(results.study, space=replace(results.study.space, method=options))
    assert methods.draw(replace(results, study=study)) is None


def test_each_method_is_compared_by_the_front_of_its_own_trials(chosen: StudyResults) -> None:
    frame = methods.methods_frame(chosen).set_index("method")
    assert set(frame.index) == set(NAMES)
    for name in NAMES:
        own = [e for e in chosen.evaluations if e.choices["method.pruning"] == name]
        front = ParetoFront.of(own, chosen.study.objectives, chosen.study.constraints)
        assert chosen.reference_point is not None
        assert frame.loc[name, "hypervolume"] == pytest.approx(front.hypervolume(chosen.reference_point))
        assert frame.loc[name, "trials"] == 15
    assert frame["on_front"].sum() == len(chosen.front)
    assert frame["failed"].sum() == 2
    assert (frame["share_of_front"] <= 1.0 + 1e-12).all()


def test_the_accuracy_at_hard_pruning_stands_beside_the_retrained_one(chosen: StudyResults) -> None:
    frame = methods.methods_frame(chosen)
    assert (frame["retrained"] - frame["hard_pruned"]).to_list() == pytest.approx([0.1] * 3)


def test_every_drawing_has_every_trial_under_its_method(chosen: StudyResults) -> None:
    section = methods.draw(chosen)
    assert section is not None
    assert len(section.figures) == 2
    for figure in section.figures:
        points = {trace.name: len(trace.x) for trace in figure.drawing.data if trace.mode == "markers"}
        assert points == dict.fromkeys(NAMES, len(trials_frame(chosen)) // 3)


def test_the_page_holds_the_section(chosen: StudyResults) -> None:
    assert "Methods compared" in render(chosen)
