"""Which reading of a trial the report shows: the search's own, or means over seeds, and on which split."""

from __future__ import annotations

from dataclasses import replace

from reports import front, hover, summary
from reports.frame import front_frame
from studies.evaluation import Measurement
from studies.results import StudyResults
from studies.study import Objectives
from tests.reports import synthetic


def measured(validation: tuple[float, ...], test: tuple[float, ...]) -> tuple[Measurement, ...]:
    splits = (("validation", validation), ("test", test))
    return tuple(
        Measurement(split, "accuracy", seed, value) for split, values in splits for seed, value in enumerate(values)
    )


def one_member(results: StudyResults) -> StudyResults:
    """A trial better than the dense network on validation under the search's seed, worse in the mean and on test."""
    member, base = results.front.members[0], results.baseline
    assert base is not None
    trial = replace(member, measurements=measured((0.88, 0.78), (0.864,)))
    dense = replace(base, measurements=measured((0.875,), (0.9,)))
    return replace(results, evaluations=(trial,), baseline=dense, fronts=())


def test_a_card_says_what_its_trial_was_chosen_by(results: StudyResults) -> None:
    card, dense = summary.draw(one_member(results)).cards
    assert (card.value, dense.value) == ("86.4%", "90.0%")
    assert card.caption.startswith("test accuracy")
    assert card.caption.endswith("chosen on validation: 88.0% against 87.5% of the dense network")
    assert dense.caption == "test accuracy"


def test_the_answer_says_what_its_trial_was_chosen_by(results: StudyResults) -> None:
    lead = summary.draw(one_member(results)).lead
    assert "86.4% test accuracy" in lead
    assert lead.endswith("The trial was chosen on validation: 88.0% against 87.5% of the dense network.")


def test_without_a_dense_network_a_card_names_the_trial_s_own_reading_alone(results: StudyResults) -> None:
    (card,) = summary.draw(replace(one_member(results), baseline=None)).cards
    assert card.caption.endswith("chosen on validation: 88.0%")


def test_the_drawing_shows_the_reading_of_the_search_and_says_so(results: StudyResults) -> None:
    figure = front.draw(one_member(results)).figures[0]
    points = next(trace for trace in figure.drawing.data if trace.name == "front")
    assert list(points.y) == [0.88]
    assert figure.drawing.layout.yaxis.title.text == "accuracy, validation, search seed"
    assert "under the one seed of the trial in the search" in figure.note


def test_the_text_over_a_point_gives_the_search_s_reading_and_the_mean_in_the_table(results: StudyResults) -> None:
    changed = one_member(results)
    text = hover.hover_text(changed.front.members[0], front_frame(changed).iloc[0], ("accuracy",))
    section = front.draw_table(changed)
    assert section is not None
    assert "Accuracy on validation, search seed: 88.0%" in text
    assert "Validation accuracy, 2 seeds: 83.0% ± 7.1" in text
    assert section.tables[0].rows[0][1].text == "83.0% ± 7.1"


def test_a_drawing_of_costs_alone_says_nothing_of_seeds() -> None:
    costs = synthetic.results(trials=12, objectives=Objectives((), ("memory_bytes", "synops")))
    assert "seed" not in front.draw(costs).figures[0].note
