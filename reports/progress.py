"""How the search went: the front's hypervolume over the finished trials."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from reports import theme
from reports.frame import records
from reports.section import Figure, Section
from reports.text import label_of, listing, plural, share_text, unit_of, value_text
from studies.results import StudyResults


def history_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each stored front with a hypervolume: finished trials, hypervolume, share of the possible, members.

    The share is relative to the box between the reference point and the best imaginable point (1 for a maximised share,
    0 for a cost); it is missing where an objective has no such bound.
    """
    rows = [
        {
            "finished": snapshot.finished,
            "hypervolume": snapshot.hypervolume,
            "share": _share(snapshot.hypervolume, snapshot.reference_point, results),
            "members": len(snapshot.members),
        }
        for snapshot in results.fronts
        if snapshot.hypervolume is not None
    ]
    frame = pd.DataFrame(rows, columns=["finished", "hypervolume", "share", "members"])
    return frame.assign(share=pd.to_numeric(frame["share"])).sort_values("finished", kind="stable")


def draw(results: StudyResults) -> Section | None:
    """The section; None while no front with a hypervolume was stored."""
    history = history_frame(results)
    if history.empty:
        return None
    bounded = not history["share"].isna().any()
    column = "share" if bounded else "hypervolume"
    drawing = theme.drawing(320)
    texts = [
        f"<b>after {plural(row['finished'], 'finished trial')}</b><br>hypervolume {row['hypervolume']:.4g}"
        f"{_bracket(row) if bounded else ''}<br>{plural(row['members'], 'point')} on the front"
        for row in records(history)
    ]
    drawing.add_scatter(
        x=history["finished"].tolist(),
        y=history[column].tolist(),
        mode="lines+markers" if len(history) < 80 else "lines",
        line={"color": theme.FRONT, "width": 2, "shape": "hv"},
        marker={"size": 5, "color": theme.FRONT},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    title = "share of the possible hypervolume" if bounded else "hypervolume"
    drawing.update_layout(
        xaxis={"title": {"text": "finished trials"}, "rangemode": "tozero"},
        yaxis={"title": {"text": title}, **({"tickformat": ".1~%"} if bounded else {})},
    )
    figure = Figure("Hypervolume over the finished trials", drawing, _reference(results), size="wide")
    return Section("Progress", _lead(history, column), figures=(figure,))


def _lead(history: pd.DataFrame, column: str) -> str:
    last = history.iloc[-1]
    reached = history[history[column] >= 0.99 * last[column]]
    lead = (
        "The hypervolume is the space of outcomes that the front dominates; it grows with each trial that improves it."
    )
    if len(history) > 1 and last[column] > 0:
        lead += (
            f" It came within 1% of its final value after {int(reached.iloc[0]['finished'])} of "
            f"{plural(int(last['finished']), 'finished trial')}."
        )
    return lead


def _reference(results: StudyResults) -> str:
    point = next(front.reference_point for front in reversed(results.fronts) if front.hypervolume is not None)
    names = results.study.objectives.names
    words = [f"{label_of(name)} {value_text(at, unit_of(name))}" for name, at in zip(names, point, strict=True)]
    return f"Measured from the reference point {listing(words)}."


def _share(hypervolume: float, reference: tuple[float, ...], results: StudyResults) -> float | None:
    sides = []
    for name, at in zip(results.study.objectives.names, reference, strict=True):
        if name not in results.study.objectives.maximize:
            sides.append(at)
        elif unit_of(name) == "share":
            sides.append(1.0 - at)
        else:
            return None
    box = math.prod(sides)
    return hypervolume / box if box > 0 and all(side > 0 for side in sides) else None


def _bracket(row: dict[str, Any]) -> str:
    return f" ({share_text(row['share'], 2)})"
