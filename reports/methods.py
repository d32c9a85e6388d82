"""Methods compared: for a study that chose the method of each trial, the front of each method beside the others'."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pandas as pd

from reports import theme
from reports.frame import accuracies, baseline_row, records, trials_frame
from reports.front import add_points, add_staircase, objective_axis, pairs
from reports.hover import hover_text
from reports.section import Cell, Column, Figure, Section, Table
from reports.text import MISSING, capital, label_of, listing, share_text
from studies.evaluation import HARD_PRUNED, Evaluation, State
from studies.pareto import ParetoFront
from studies.results import StudyResults

METHOD_COLUMNS = ("method", "trials", "failed", "on_front", "share_of_front", "hypervolume", "hard_pruned", "retrained")


def method_name(results: StudyResults, evaluation: Evaluation) -> str:
    """The names that the search chose for one trial: ``admm``, or ``admm with equal_distance``."""
    in_force = results.study.method_in_force(evaluation.choices)
    searched = [name for name in ("pruning", "weight_quantizer") if name in results.study.space.method.keys]
    return " with ".join(str(in_force[name]) for name in searched)


def by_method(results: StudyResults) -> dict[str, tuple[Evaluation, ...]]:
    """The evaluated trials by method, in the order of the study file; empty where a study leaves no choice of names."""
    groups: dict[str, list[Evaluation]] = {}
    for values in results.study.space.method.combinations():
        groups[" with ".join(values)] = []
    if len(groups) < 2:
        return {}
    for evaluation in results.evaluations:
        if evaluation.state is not State.SKIPPED:
            groups.setdefault(method_name(results, evaluation), []).append(evaluation)
    return {name: tuple(own) for name, own in groups.items()}


def methods_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each method, the one with the largest front first.

    ``share_of_front`` is the hypervolume of the method's own front over that of the study's front; ``hard_pruned`` and
    ``retrained`` are mean validation accuracies right after hard pruning and in the end, over trials that have both.
    """
    objectives, constraints = results.study.objectives, results.study.constraints
    common, corner, whole = set(results.front.trials), results.reference_point, results.hypervolume
    rows = []
    for name, own in by_method(results).items():
        front = ParetoFront.of(own, objectives, constraints)
        volume = None if corner is None else front.hypervolume(corner)
        both = [(accuracies(e, HARD_PRUNED)["validation_mean"], accuracies(e)["validation_mean"]) for e in own]
        pairs_of = [(before, after) for before, after in both if before is not None and after is not None]
        rows.append(
            {
                "method": name,
                "trials": sum(evaluation.state is State.COMPLETE for evaluation in own),
                "failed": sum(evaluation.state is State.FAILED for evaluation in own),
                "on_front": sum(evaluation.trial in common for evaluation in own),
                "share_of_front": volume / whole if volume is not None and whole else None,
                "hypervolume": volume,
                "hard_pruned": fmean(before for before, _ in pairs_of) if pairs_of else None,
                "retrained": fmean(after for _, after in pairs_of) if pairs_of else None,
            }
        )
    frame = pd.DataFrame(rows, columns=list(METHOD_COLUMNS))
    return frame.sort_values("hypervolume", ascending=False, kind="stable").reset_index(drop=True)


def draw(results: StudyResults) -> Section | None:
    """The section; None for a study with one method, and while no trial has finished."""
    groups = by_method(results)
    trials = trials_frame(results)
    if not groups or trials.empty:
        return None
    frame = methods_frame(results)
    shown = [row for row in records(frame) if row["on_front"]]
    parts = [f"{row['method']} {row['on_front']}" for row in sorted(shown, key=lambda row: -row["on_front"])]
    lead = f"Each trial chose its own method among {listing(list(groups))}."
    if parts:
        lead += f" Points on the common front: {listing(parts)}."
    colours = {name: theme.PARTS[index % len(theme.PARTS)] for index, name in enumerate(groups)}
    figures = tuple(_scatter(results, trials, groups, colours, *pair) for pair in pairs(results))
    return Section("Methods compared", lead, figures=figures, tables=(_table(frame),))


def _table(frame: pd.DataFrame) -> Table:
    columns = [Column("Method", number=False), Column("Finished trials"), Column("Failed"), Column("On the front")]
    columns += [Column("Own front, of all hypervolume"), Column("At hard pruning"), Column("Retrained")]
    rows = [
        (
            Cell(str(row["method"])),
            *(Cell(f"{row[name]:,}", float(row[name])) for name in ("trials", "failed", "on_front")),
            *(_share(row[name]) for name in ("share_of_front", "hard_pruned", "retrained")),
        )
        for row in records(frame)
    ]
    return Table(tuple(columns), tuple(rows), sortable=True)


def _share(value: float | None) -> Cell:
    missing = value is None or value != value
    return Cell(MISSING) if missing or value is None else Cell(share_text(value), float(value))


def _scatter(
    results: StudyResults,
    trials: pd.DataFrame,
    groups: dict[str, tuple[Evaluation, ...]],
    colours: dict[str, str],
    vertical: str,
    horizontal: str,
) -> Figure:
    base = baseline_row(results)
    drawing = theme.drawing(430)
    everything = pd.concat([trials, pd.DataFrame([base])]) if base else trials
    up, across = (objective_axis(everything, name, results) for name in (vertical, horizontal))
    names, objectives = results.study.objectives.names, results.study.objectives
    for name, own in groups.items():
        evaluations = {evaluation.trial: evaluation for evaluation in own}
        group = trials[trials["trial"].isin(list(evaluations))]
        if group.empty:
            continue
        members = group[group["trial"].isin(ParetoFront.of(own, objectives, results.study.constraints).trials)]
        if horizontal != "trial" and not members.empty:
            add_staircase(drawing, results, members, up, across, vertical, horizontal, colours[name])
        texts = [hover_text(evaluations[row["trial"]], row, names) for _, row in group.iterrows()]
        marker: dict[str, Any] = {
            "color": colours[name],
            "size": [10 if trial in set(members["trial"]) else 6 for trial in group["trial"]],
            "opacity": [1.0 if trial in set(members["trial"]) else 0.5 for trial in group["trial"]],
        }
        add_points(drawing, group, up, across, (vertical, horizontal), name, marker, texts)
    drawing.update_layout(xaxis=across.settings, yaxis=up.settings)
    over = "the trials" if horizontal == "trial" else label_of(horizontal)
    note = "Large points and lines: the front of one method alone."
    return Figure(f"{capital(label_of(vertical))} over {over}, by method", drawing, note)
