"""Where pruning pays in time: the layers pruned too little for this hardware to run them faster."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports import theme
from reports.frame import front_layers_frame, records
from reports.layers import layer_axis
from reports.section import Cell, Column, Figure, Section, Table
from reports.text import MISSING, figure_text, listing, missing, share_text
from studies.results import StudyResults

NOT_PRUNED, PAYS, NOT_YET = "not pruned", "pays", "pruned, yet not paying"
_LOOKS = {
    NOT_PRUNED: {"color": theme.DOMINATED, "size": 7, "symbol": "circle-open", "line": {"width": 1.5}},
    PAYS: {"color": theme.FRONT, "size": 9, "symbol": "circle"},
    NOT_YET: {"color": theme.BAD, "size": 10, "symbol": "x"},
}


def verdict(pruning_ratio: float, break_even: float | None) -> str:
    """Whether pruning a layer this far pays; a missing break-even ratio means that it never does.

    >>> verdict(0.5, 0.3), verdict(0.2, 0.3), verdict(0.9, None), verdict(0.0, 0.3)
    ('pays', 'pruned, yet not paying', 'pruned, yet not paying', 'not pruned')
    """
    if pruning_ratio <= 0.0:
        return NOT_PRUNED
    return PAYS if break_even is not None and not missing(break_even) and pruning_ratio >= break_even else NOT_YET


def verdict_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each priced layer of each member of the front: its pruning ratio, break-even ratio and verdict."""
    layers = front_layers_frame(results).dropna(subset=["parameters"])
    columns = layers[["trial", "layer", "pruning_ratio", "break_even_pruning_ratio"]]
    pairs = zip(layers["pruning_ratio"], layers["break_even_pruning_ratio"], strict=True)
    return columns.assign(verdict=[verdict(ratio, even) for ratio, even in pairs])


def layer_frame(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row a layer: the range of its break-even and pruning ratios, and how many members came to which verdict."""
    grouped = verdicts.groupby("layer", sort=False)
    frame = grouped.agg(
        break_even_low=("break_even_pruning_ratio", "min"),
        break_even_high=("break_even_pruning_ratio", "max"),
        pruned_low=("pruning_ratio", "min"),
        pruned_high=("pruning_ratio", "max"),
        members=("trial", "size"),
    )
    counts = {name: (verdicts["verdict"] == name).groupby(verdicts["layer"], sort=False).sum() for name in _LOOKS}
    return frame.assign(**counts)


def draw(results: StudyResults) -> Section | None:
    """The section; None while the front is empty or its layers have no costs."""
    verdicts = verdict_frame(results)
    if verdicts.empty:
        return None
    layers = layer_frame(verdicts)
    return Section("Where pruning pays", _lead(layers), (_drawing(verdicts, layers),), (_table(layers),))


def _lead(layers: pd.DataFrame) -> str:
    if (layers["break_even_high"] == 0.0).all():
        return "Whole channels or outputs were removed. What is left is dense work, so it pays from the first one on."
    lead = "Skipping zeros makes the work irregular. Below its break-even ratio a pruned layer runs no faster on this "
    lead += "hardware than a dense one, though it may still need less memory. "
    wasted = [str(layer) for layer in layers.index[layers[NOT_YET] > 0]]
    if wasted:
        named = listing(wasted[:5]) + (f" and {len(wasted) - 5} more" if len(wasted) > 5 else "")
        return lead + f"Pruned below it in some member of the front: {named}."
    if (layers[PAYS] > 0).any():
        return lead + "Every pruned layer of the front is beyond it."
    return lead + "No member of the front prunes a layer."


def _drawing(verdicts: pd.DataFrame, layers: pd.DataFrame) -> Figure:
    names = [str(layer) for layer in layers.index]
    # Members stand a little below each other, so that equal ratios stay visible.
    member = verdicts.groupby("layer", sort=False).cumcount()
    verdicts = verdicts.assign(offset=0.5 * ((member + 0.5) / (member.max() + 1) - 0.5))
    rows = {name: row for row, name in enumerate(names)}
    drawing = theme.drawing(max(180, (34 if len(names) <= 16 else 22) * len(names) + 110))
    for layer, values in layers.iterrows():
        if missing(values["break_even_low"]):
            continue
        low, high, row = values["break_even_low"], values["break_even_high"], rows[str(layer)]
        drawing.add_shape(
            type="rect",
            x0=low - 0.003,
            x1=high + 0.003,
            y0=row - 0.4,
            y1=row + 0.4,
            fillcolor=theme.INK,
            opacity=0.22,
            line={"width": 0},
            layer="below",
        )
    for name, marker in _LOOKS.items():
        group = verdicts[verdicts["verdict"] == name]
        if group.empty:
            continue
        drawing.add_scatter(
            x=group["pruning_ratio"].tolist(),
            y=[rows[layer] + offset for layer, offset in zip(group["layer"], group["offset"], strict=True)],
            mode="markers",
            name=name,
            marker=marker,
            hovertext=[_hover(row) for row in records(group)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    drawing.update_layout(
        showlegend=True,
        xaxis={"range": [-0.03, 1.0], "tickformat": ".0%", "title": {"text": "pruning ratio"}},
        yaxis={**layer_axis(names), "showgrid": False},
    )
    note = (
        "One mark for each member of the front; the grey bar is the break-even ratio, from the lowest to the highest "
    )
    note += "among the members. A layer without a bar never runs faster for being pruned."
    return Figure("Pruning ratio against the break-even ratio", drawing, note, size="wide")


def _hover(row: dict[str, Any]) -> str:
    even = row["break_even_pruning_ratio"]
    return (
        f"<b>{figure_text(row['layer'])}</b>, trial {row['trial']}<br>pruned: {share_text(row['pruning_ratio'], 0)}"
        f"<br>break-even: {'never' if missing(even) else share_text(even, 0)}<br>{row['verdict']}"
    )


def _table(layers: pd.DataFrame) -> Table:
    columns = (
        Column("Layer", number=False),
        Column("Break-even ratio"),
        Column("Pruning ratio"),
        Column("Members that pruned it"),
        Column("Pruned, yet not paying"),
    )
    rows = []
    for layer, values in layers.iterrows():
        wasted, members = int(values[NOT_YET]), int(values["members"])
        pruned = members - int(values[NOT_PRUNED])
        rows.append(
            (
                Cell(str(layer)),
                Cell(
                    _range(values["break_even_low"], values["break_even_high"], "never pays"), values["break_even_low"]
                ),
                Cell(_range(values["pruned_low"], values["pruned_high"], MISSING), values["pruned_high"]),
                Cell(f"{pruned} of {members}", float(pruned)),
                Cell(f"{wasted} of {pruned}" if pruned else MISSING, float(wasted), "bad" if wasted else "quiet"),
            )
        )
    return Table(columns, tuple(rows), sortable=True)


def _range(low: float, high: float, otherwise: str) -> str:
    if missing(low):
        return otherwise
    ends = [share_text(low, 0), share_text(high, 0)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
