from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import break_even, front, hover, layers, progress, recall, settings, summary, trials
from reports.frame import front_costs_frame, front_frame, front_layers_frame
from studies.design_space import Choices
from studies.evaluation import Evaluation, Measurement, State
from studies.pareto import non_dominated
from studies.results import StudyResults
from studies.study import Objectives
from tests.reports import synthetic


def best(results: StudyResults) -> dict[str, int]:
    return {point.question: int(point.row["trial"]) for point in summary.best_points(results)}


def test_the_most_accurate_point_is_named_first(results: StudyResults) -> None:
    assert next(iter(best(results).values())) == results.front.trials[0]


def test_the_least_memory_is_sought_only_among_points_that_are_nearly_as_accurate() -> None:
    results = synthetic.results(trials=200, seed=3, baseline=False)
    points = front_frame(results)
    near = points[points["accuracy"] >= points["accuracy"].max() - summary.TOLERANCE]
    cheapest = int(near.loc[near["memory_bytes"].idxmin(), "trial"])
    assert [trial for question, trial in best(results).items() if "memory" in question] == [cheapest]


def test_a_point_that_answers_all_questions_is_named_once(results: StudyResults) -> None:
    assert len(best(synthetic.with_front_of(results, 1))) == 1


def test_points_near_the_dense_network_are_preferred_to_points_near_the_best(results: StudyResults) -> None:
    member = results.front.members[0]
    assert results.baseline is not None
    dense = replace(results.baseline, measurements=tuple(m for m in member.measurements if m.split == "validation"))
    assert any("of the dense network" in question for question in best(replace(results, baseline=dense)))


def test_the_answer_names_test_accuracy_and_savings(results: StudyResults) -> None:
    lead = summary.draw(results).lead
    assert "test accuracy" in lead
    assert "× less memory" in lead


def test_the_size_of_the_space_counts_every_choice_of_every_layer(results: StudyResults) -> None:
    choices = 20**4 * 5**4 * 5**3 * 8  # ratios, weight bits, membrane bits of three layers, time steps
    assert summary.space_size(results) == pytest.approx(np.log10(choices))


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=15)


@given(points, st.booleans(), st.booleans())
def test_the_staircase_is_the_front_of_the_two_objectives(
    values: list[tuple[int, int]], upwards: bool, rightwards: bool
) -> None:
    frame = pd.DataFrame(values, columns=["x", "y"], dtype=float)
    steps = front.staircase(frame, "y", "x", upwards=upwards, rightwards=rightwards)
    keep = non_dominated(frame.to_numpy(), [rightwards, upwards])
    assert set(map(tuple, steps.to_numpy())) == set(map(tuple, frame.to_numpy()[keep]))


def test_there_is_one_scatter_for_each_further_objective() -> None:
    asked = Objectives(("accuracy",), ("memory_bytes", "energy_joules", "latency_seconds"))
    results = synthetic.results(trials=20, objectives=asked)
    titles = [figure.title for figure in front.draw(results).figures]
    assert titles == ["Accuracy over memory", "Accuracy over energy", "Accuracy over latency"]


def test_a_single_objective_is_drawn_over_the_trials() -> None:
    results = synthetic.results(trials=20, objectives=Objectives(("accuracy",), ()))
    assert [figure.title for figure in front.draw(results).figures] == ["Accuracy over the trials"]


def test_a_scatter_shows_every_trial_and_the_dense_network(results: StudyResults) -> None:
    traces = {
        trace.name: len(trace.x) for trace in front.draw(results).figures[0].drawing.data if trace.mode == "markers"
    }
    assert traces == {"dominated": 40 - len(results.front), "front": len(results.front), "dense float": 1}


def test_the_table_ends_with_the_dense_network(results: StudyResults) -> None:
    section = front.draw_table(results)
    assert section is not None
    table = section.tables[0]
    assert len(table.rows) == len(results.front) + 1
    assert table.rows[-1][0].text == "Dense float"
    assert table.footers == 1


def test_a_ratio_in_the_table_is_the_dense_cost_over_the_cost(results: StudyResults) -> None:
    section = front.draw_table(results)
    assert section is not None
    assert results.baseline is not None
    assert results.baseline.cost is not None
    member = results.front.members[0]
    assert member.cost is not None
    titles = [column.title for column in section.tables[0].columns]
    cell = section.tables[0].rows[0][titles.index("Memory") + 1]
    assert cell.value == pytest.approx(results.baseline.cost.total.memory_bytes / member.cost.total.memory_bytes)


def test_heat_maps_keep_the_order_of_layers_and_members(results: StudyResults) -> None:
    wide = layers.heat_frame(front_layers_frame(results), "pruning_ratio")
    assert tuple(wide.index) == synthetic.LAYERS
    assert tuple(wide.columns) == results.front.trials


def test_a_network_without_neurons_has_no_map_of_membrane_bits() -> None:
    section = layers.draw(synthetic.results(trials=20, spiking=False))
    assert section is not None
    assert [figure.title for figure in section.figures] == ["Pruning ratio", "Weight bits"]


def test_summing_small_layers_loses_no_cost() -> None:
    results = synthetic.results(trials=20, layers=40)
    frame = front_costs_frame(results)
    stacked = layers.stack_frame(frame, "energy_joules")
    assert len(stacked.columns) == 8
    assert stacked.columns[-1] == "33 other layers"
    sums = frame.groupby("trial", sort=False)["energy_joules"].sum()
    assert stacked.sum(axis=1).tolist() == pytest.approx(sums.tolist())


@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_pruned_layer_pays_from_its_break_even_ratio_on(ratio: float, even: float) -> None:
    expected = break_even.NOT_PRUNED if ratio == 0 else break_even.PAYS if ratio >= even else break_even.NOT_YET
    assert break_even.verdict(ratio, even) == expected


def test_a_layer_that_never_pays_is_marked_for_every_member_that_prunes_it(results: StudyResults) -> None:
    by_layer = break_even.layer_frame(break_even.verdict_frame(results))
    assert by_layer.loc["conv1", break_even.PAYS] == 0
    assert (
        by_layer.loc["conv1", break_even.NOT_YET] == len(results.front) - by_layer.loc["conv1", break_even.NOT_PRUNED]
    )
    section = break_even.draw(results)
    assert section is not None
    assert section.tables[0].rows[0][-1].mark == "bad"


def test_layers_that_lose_whole_channels_always_pay(results: StudyResults) -> None:
    def all_pay(trial: Evaluation) -> Evaluation:
        assert trial.cost is not None
        rows = tuple(replace(layer, break_even_pruning_ratio=0.0) for layer in trial.cost.layers)
        return replace(trial, cost=replace(trial.cost, layers=rows))

    section = break_even.draw(replace(results, evaluations=tuple(map(all_pay, results.evaluations))))
    assert section is not None
    assert section.lead.startswith("Whole channels or outputs were removed")
    assert {row[-1].mark for row in section.tables[0].rows} == {"quiet"}


def test_recalls_are_left_out_where_none_were_measured() -> None:
    assert recall.draw(synthetic.results(trials=10)) is None


def test_recall_has_one_row_a_class_in_the_order_of_their_numbers() -> None:
    frame = recall.recall_frame(synthetic.results(trials=10, classes=12), "test")
    assert list(frame.index) == [str(number) for number in range(12)]


def test_the_class_hit_hardest_is_named_for_each_member_of_the_front() -> None:
    results = synthetic.results(trials=10, classes=4)
    assert results.baseline is not None
    frame = recall.distortion_frame(results, "test")
    assert list(frame["trial"]) == list(results.front.trials)
    for row, member in zip(frame.to_dict("records"), results.front, strict=True):
        before = {f"{c}": 0.985 for c in range(4)}
        after = {m.metric.removeprefix("recall/"): m.value for m in member.measurements if "recall/" in m.metric}
        losses = {name: before[name] - after[name] for name in before}
        assert row["worst_class"] == max(losses, key=lambda name: losses[name])
        assert row["largest_loss"] == pytest.approx(max(losses.values()))


def test_the_lead_of_the_recalls_names_the_lowest_one(results: StudyResults) -> None:
    section = recall.draw(results)
    assert section is not None
    lowest = min(
        measurement.value
        for member in results.front
        for measurement in member.measurements
        if measurement.metric.startswith("recall/")
    )
    assert f"{100 * lowest:.1f}%" in section.lead


def test_the_history_holds_every_stored_hypervolume(results: StudyResults) -> None:
    history = progress.history_frame(results)
    assert history["hypervolume"].tolist() == [snapshot.hypervolume for snapshot in results.fronts]
    assert history["share"].between(0, 1).all()
    assert history["share"].is_monotonic_increasing


def test_without_a_baseline_there_is_no_hypervolume_to_show() -> None:
    assert progress.draw(synthetic.results(trials=10, baseline=False)) is None


def test_reasons_that_differ_only_in_numbers_are_one_group() -> None:
    frame = trials.reasons_frame(synthetic.results(trials=3, failed=2, skipped=7))
    assert frame["count"].tolist() == [2, 7]
    assert frame["state"].tolist() == ["failed", "skipped"]


def test_a_study_whose_trials_all_gave_a_point_has_no_section_of_failures(results: StudyResults) -> None:
    assert trials.draw(results) is None


def test_the_epochs_that_early_stopping_saved_are_told(results: StudyResults) -> None:
    first, *rest = results.evaluations
    stopped = replace(
        first, state=State.STOPPED, curve=(0.3, 0.4), measurements=(), reason="stopped after epoch 2 of 8"
    )
    changed = replace(results, evaluations=(stopped, *rest))
    section = trials.draw(changed)
    assert section is not None
    whole = 8 * len(results.evaluations)
    assert f"so {whole - 6:,} of {whole:,} epochs were trained" in section.lead


def test_the_note_of_the_front_names_the_cheapest_member_that_cannot_be_told_from_the_best() -> None:
    one = synthetic.with_front_of(synthetic.results(trials=80, seed=3), 3)
    best, second, third = one.front.members
    values = ((0.97, 0.96, 0.98), (0.969, 0.968), (0.6, 0.61))
    members = [
        replace(
            member,
            cost=replace(member.cost, total=replace(member.cost.total, memory_bytes=memory)) if member.cost else None,
            measurements=tuple(
                Measurement("validation", "accuracy", member.seed + number, value) for number, value in enumerate(given)
            ),
        )
        for member, given, memory in zip((best, second, third), values, (9000.0, 5000.0, 1000.0), strict=True)
    ]
    changed = replace(one, evaluations=tuple(members))
    note = front.certainty(changed)
    assert f"Trial {second.trial} has the least memory within one standard error" in note
    assert f"most accurate member, trial {best.trial}" in note
    section = front.draw_table(changed)
    assert section is not None
    assert "2 to 3 of them" in section.lead
    alone = replace(one, evaluations=(members[0], members[2]))
    assert "No member with less memory is within one standard error" in front.certainty(alone)


def test_all_settings_of_the_study_are_listed(results: StudyResults) -> None:
    rows = dict(settings.settings_frame(results).itertuples(index=False))
    assert rows["training.epochs"] == "8"
    assert rows["space.pruning_ratio"] == "0 to 0.95 in steps of 0.05"
    assert rows["objectives.minimize"] == "memory_bytes, energy_joules"


def test_a_limit_is_listed_in_human_units() -> None:
    results = synthetic.results(trials=1, constraints={"memory_bytes": 65536.0})
    rows = dict(settings.settings_frame(results).itertuples(index=False))
    assert rows["constraints.memory_bytes"] == "64.0 KiB"


def test_choices_of_a_single_layer_are_listed(results: StudyResults) -> None:
    from studies.design_space import LayerChoices

    space = replace(results.study.space, layers={"conv1": LayerChoices(weight_bits=Choices((8,)))})
    rows = dict(
        settings.settings_frame(replace(results, study=replace(results.study, space=space))).itertuples(index=False)
    )
    assert rows["space.layers.conv1.weight_bits"] == "8"
    assert "space.layers.conv1.pruning_ratio" not in rows


def test_the_hover_of_a_deep_network_says_how_many_layers_it_leaves_out() -> None:
    results = synthetic.results(trials=3, layers=40)
    member: Evaluation = results.front.members[0]
    text = hover.hover_text(member, front_frame(results).iloc[0], ("accuracy",))
    assert "and 32 more layers" in text
