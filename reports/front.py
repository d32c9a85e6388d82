"""The front: one scatter for each pair of objectives with all trials behind it, and the table of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from reports import theme
from reports.axes import Axis, quantity_axis, share_axis
from reports.frame import DOMINATED, FRONT, OVER_LIMIT, baseline_row, front_frame, front_members, records, trials_frame
from reports.hover import accuracy_text, hover_text
from reports.section import Cell, Column, Figure, Section, Table
from reports.text import (
    capital,
    count_text,
    label_of,
    listing,
    missing,
    plural,
    saving_text,
    share_text,
    unit_of,
    value_text,
)
from studies.results import StudyResults, one_standard_error_point

#: The reading that is drawn of a share.
SEARCH_SEED = (
    "Drawn is what the search saw: validation under the one seed of the trial in the search. The table of the members "
    "gives means over all seeds; a point's text gives both."
)
_LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    DOMINATED: ("dominated", {"color": theme.DOMINATED, "size": 7, "opacity": 0.75}),
    OVER_LIMIT: (
        "over a limit",
        {"color": theme.OVER_LIMIT, "size": 8, "symbol": "x-thin", "line": {"width": 2, "color": theme.OVER_LIMIT}},
    ),
    FRONT: ("front", {"color": theme.FRONT, "size": 10, "line": {"width": 1.5, "color": theme.PAPER}}),
}


def pairs(results: StudyResults) -> list[tuple[str, str]]:
    """The scatters to draw as (vertical, horizontal): the first objective over each other one, or over the trials."""
    first, *others = results.study.objectives.names
    return [(first, other) for other in others] or [(first, "trial")]


def staircase(points: pd.DataFrame, vertical: str, horizontal: str, *, upwards: bool, rightwards: bool) -> pd.DataFrame:
    """The members of the front that no other one beats in these two objectives alone, in the order of the horizontal.

    ``upwards`` and ``rightwards`` say whether larger is better.
    """
    ordered = points.sort_values([horizontal, vertical], ascending=[not rightwards, not upwards], kind="stable")
    sign = 1.0 if upwards else -1.0
    height = ordered[vertical] * sign
    best_before = height.cummax().shift(fill_value=float("-inf"))
    return ordered[height > best_before].sort_values(horizontal, kind="stable")


def draw(results: StudyResults) -> Section:
    """The scatters."""
    trials = trials_frame(results)
    if trials.empty:
        return Section("The front", "There is nothing to draw: no trial has finished yet.")
    members = front_members(results)
    names = listing([label_of(name) for name in results.study.objectives.names])
    lead = (
        f"{plural(len(members), 'point')} of {plural(len(trials), 'trial')} trained to the end "
        f"{'is' if len(members) == 1 else 'are'} on the front: no other trial is at least as good in {names} "
        "and better in one of them."
    )
    if len(results.study.objectives.names) > 2:
        lead += " Each drawing shows two of the objectives, so a point may owe its place to one that is not in sight."
    return Section("The front", lead, figures=tuple(_scatter(results, trials, *pair) for pair in pairs(results)))


def draw_table(results: StudyResults) -> Section | None:
    """The table of the front's members; None while the front is empty."""
    front = front_frame(results)
    if front.empty:
        return None
    lead = f"Best first. Mean ± standard deviation over the training seeds{_seeds(front)}"
    if front["test_mean"].isna().all():
        lead += "; the test split has not been measured yet."
    else:
        lead += "; the search never saw the test split, and its numbers chose nothing."
    base = baseline_row(results)
    if base:
        lead += " Costs stand beside those of the dense float network."
    return Section("Members of the front", lead, tables=(front_table(results, front, base),), note=certainty(results))


def _seeds(front: pd.DataFrame) -> str:
    """How many seeds, where the members have not all the same number."""
    counts = front["validation_seeds"]
    few, many = int(counts.min()), int(counts.max())
    return "" if few == many else f", {few} to {many} of them: more where the place of a member was in doubt"


def certainty(results: StudyResults) -> str:
    """How sure the places on the front are, and the point that the spread suggests; empty where it is not known."""
    points = results.front_points()
    if not _known({point["trial"]: point["front_probability"] for point in points}):
        return ""
    text = (
        "On the front: the probability that no other member is better on average over training seeds, from the "
        "validation split; near the best accuracy one seed differs from the next by "
        f"{100 * (results.best_seed_deviation or 0.0):.2f} points (standard deviation; pooled over all members in "
        "relative changes of the error). For this probability the seed under which a trial won its place is left "
        "out; the means in the table hold it."
    )
    minimize = results.study.objectives.minimize
    pick = one_standard_error_point(points, minimize)
    if pick is None:
        return text
    cost = next(name for name in minimize if name in pick["cost"])
    best = max(points, key=lambda point: float(point["accuracy_validation"] or 0.0))
    near = f"within one standard error ({100 * best['accuracy_standard_error']:.2f} points) of the most accurate member"
    if pick["trial"] == best["trial"]:
        return f"{text} No member with less {label_of(cost)} is {near}, trial {best['trial']}."
    return (
        f"{text} Trial {pick['trial']} has the least {label_of(cost)} {near}, trial {best['trial']}: "
        f"{share_text(pick['accuracy_validation'])} at {value_text(pick['cost'][cost], unit_of(cost))}."
    )


def front_table(results: StudyResults, front: pd.DataFrame, base: dict[str, Any] | None) -> Table:
    """The members with accuracies, costs, ratios against the dense float network and time steps."""
    costs = ["memory_bytes", "energy_joules", "latency_seconds"]
    known = {*costs, "accuracy", "time_steps"}
    costs += [name for name in results.study.objectives.names if name not in known]
    titles = ["Validation", "Test"]
    columns = [Column("Trial", number=False), *(Column(title) for title in titles)]
    sure = {point["trial"]: point["front_probability"] for point in results.front_points()}
    columns += [Column("On the front")] if _known(sure) else []
    for name in costs:
        columns.append(Column(capital(label_of(name))))
        if base and unit_of(name) != "share":
            columns.append(Column("Against dense"))
    columns.append(Column("Time steps"))
    rows = [_row(row, costs, base, sure) for row in records(front)]
    if base:
        rows.append(_row(base, costs, base, sure, "Dense float"))
    return Table(tuple(columns), tuple(rows), footers=1 if base else 0, sortable=True)


def _known(probabilities: Mapping[int, float | None]) -> bool:
    return any(probability is not None for probability in probabilities.values())


def _row(
    row: dict[str, Any],
    costs: list[str],
    base: dict[str, Any] | None,
    sure: Mapping[int, float | None],
    name: str = "",
) -> tuple[Cell, ...]:
    cells = [Cell(name or f"{int(row['trial'])}", None if name else float(row["trial"]))]
    cells += [Cell(accuracy_text(row, split), _number(row[f"{split}_mean"])) for split in ("validation", "test")]
    if _known(sure):
        probability = None if name else sure.get(int(row["trial"]))
        cells.append(Cell("" if probability is None else share_text(probability, 0), probability))
    for cost in costs:
        unit, value = unit_of(cost), _number(row.get(cost))
        cells.append(Cell(value_text(value, unit), value))
        if base and unit != "share":
            reference = _number(base.get(cost))
            ratio = reference / value if value and reference else None
            cells.append(Cell("" if name else saving_text(ratio), ratio, "quiet"))
    cells.append(Cell(count_text(row["time_steps"]), float(row["time_steps"])))
    return tuple(cells)


def _number(value: float | None) -> float | None:
    return None if value is None or missing(value) else float(value)


def _scatter(results: StudyResults, trials: pd.DataFrame, vertical: str, horizontal: str) -> Figure:
    base = baseline_row(results)
    drawing = theme.drawing(430)
    everything = pd.concat([trials, pd.DataFrame([base])]) if base else trials
    up, across = objective_axis(everything, vertical, results), objective_axis(everything, horizontal, results)
    evaluations = {evaluation.trial: evaluation for evaluation in results.evaluations}
    names = results.study.objectives.names
    for role, (label, marker) in _LOOKS.items():
        group = trials[trials["role"] == role]
        if group.empty:
            continue
        if role == FRONT and horizontal != "trial":
            add_staircase(drawing, results, group, up, across, vertical, horizontal)
        texts = [hover_text(evaluations[row["trial"]], row, names) for _, row in group.iterrows()]
        add_points(drawing, group, up, across, (vertical, horizontal), label, marker, texts)
    limit = results.study.constraints.get(horizontal)
    if limit is not None:
        drawing.add_vline(
            across.place(limit),
            line={"color": theme.OVER_LIMIT, "width": 1.5, "dash": "dot"},
        )
    if base and results.baseline and horizontal != "trial" and not missing(base[vertical]):
        marker = {"color": theme.BASELINE, "size": 11, "symbol": "diamond"}
        text = [hover_text(results.baseline, base, names)]
        group = pd.DataFrame([base])
        add_points(drawing, group, up, across, (vertical, horizontal), "dense float", marker, text)
    elif base and not missing(base[vertical]):
        drawing.add_hline(up.place(base[vertical]), line={"color": theme.BASELINE, "width": 1.5, "dash": "dash"})
    drawing.update_layout(xaxis=across.settings, yaxis=up.settings)
    over = "the trials" if horizontal == "trial" else label_of(horizontal)
    note = "Point at a trial for its configuration; drag to enlarge, double click to return."
    if "share" in (unit_of(vertical), unit_of(horizontal)):
        note = f"{SEARCH_SEED} {note}"
    if horizontal == "trial" and base:
        note = f"The dashed line is the dense float network. {note}"
    if limit is not None:
        note = f"The dotted line is the study's limit of {value_text(limit, unit_of(horizontal))}. {note}"
    return Figure(f"{capital(label_of(vertical))} over {over}", drawing, note)


def add_points(
    drawing: go.Figure,
    group: pd.DataFrame,
    up: Axis,
    across: Axis,
    pair: tuple[str, str],
    label: str,
    marker: dict[str, Any],
    texts: list[str],
) -> None:
    """Draw the trials of ``group`` at their values of ``pair`` (vertical, horizontal), with a text over each."""
    drawing.add_scatter(
        x=[None if missing(value) else across.place(value) for value in group[pair[1]]],
        y=[None if missing(value) else up.place(value) for value in group[pair[0]]],
        mode="markers",
        name=label,
        marker=marker,
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def add_staircase(
    drawing: go.Figure,
    results: StudyResults,
    group: pd.DataFrame,
    up: Axis,
    across: Axis,
    vertical: str,
    horizontal: str,
    colour: str = theme.FRONT,
) -> None:
    """Join the members of a front that no other one beats in these two objectives alone."""
    maximised = results.study.objectives.maximize
    rightwards = horizontal in maximised
    steps = staircase(group, vertical, horizontal, upwards=vertical in maximised, rightwards=rightwards)
    drawing.add_scatter(
        x=[across.place(value) for value in steps[horizontal]],
        y=[up.place(value) for value in steps[vertical]],
        mode="lines",
        line={"color": colour, "width": 1.5, "shape": "vh" if rightwards else "hv"},
        opacity=0.45,
        hoverinfo="skip",
        showlegend=False,
    )


def objective_axis(frame: pd.DataFrame, name: str, results: StudyResults) -> Axis:
    """The axis of one objective, or of the trials' numbers, wide enough for every row of ``frame``."""
    if name == "trial":
        return Axis({"title": {"text": "trial"}}, logarithmic=False)
    unit, label = unit_of(name), label_of(name)
    if unit == "share" and name in results.study.objectives.maximize:
        return share_axis(frame[name], f"{label}, validation, search seed")
    return quantity_axis(frame[name], unit, label)
