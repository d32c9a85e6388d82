"""Layer by layer: heat maps of the front's configurations, and where the front's memory and energy go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from reports import theme
from reports.axes import quantity_axis
from reports.frame import front_costs_frame, front_layers_frame, front_members
from reports.section import Figure, Section
from reports.text import (
    bits_text,
    capital,
    figure_text,
    label_of,
    listing,
    missing,
    share_text,
    short_names,
    value_text,
)
from studies.results import StudyResults

#: Cells of a heat map bear their value up to this many columns.
TEXT_COLUMNS = 24
#: Three drawings stand side by side up to this many members and this long names.
NARROW_COLUMNS, NARROW_NAMES, NARROW_BARS = 12, 10, 12
_TITLES = {"pruning_ratio": "Pruning ratio", "weight_bits": "Weight bits", "membrane_bits": "Membrane bits"}
_COMPONENTS = {
    "weight_memory_bytes": ("weights", theme.PARTS[4]),
    "index_memory_bytes": ("indices", theme.PARTS[5]),
    "membrane_memory_bytes": ("membranes", theme.PARTS[6]),
}


def heat_frame(layers: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a layer in the network's order, one column a member of the front in its order; empty without values."""
    if layers.empty or layers[column].isna().all():
        return pd.DataFrame()
    wide = layers.pivot_table(sort=False, index="layer", columns="trial", values=column)
    return wide.reindex(index=list(dict.fromkeys(layers["layer"])), columns=list(dict.fromkeys(layers["trial"])))


def stack_frame(costs: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a member of the front, one column a group; beyond the palette the smallest are summed as "other layers".

    ``costs`` are as in :func:`front_costs_frame`, and so is the order. The sum of a row is the cost of the network.
    """
    wide = costs.pivot_table(sort=False, index="trial", columns="group", values=column, aggfunc="sum")
    wide = wide.reindex(index=list(dict.fromkeys(costs["trial"])), columns=list(dict.fromkeys(costs["group"])))
    wide = wide.fillna(0.0)
    if len(wide.columns) <= len(theme.PARTS):
        return wide
    largest = set(wide.mean().nlargest(len(theme.PARTS) - 1).index)
    kept = [group for group in wide.columns if group in largest]
    others = costs.loc[~costs["group"].isin(kept), "layer"].nunique()
    return wide[kept].assign(**{f"{others} other layers": wide.drop(columns=kept).sum(axis=1)})


def draw(results: StudyResults) -> Section | None:
    """The heat maps; None while the front is empty."""
    layers = front_layers_frame(results)
    if layers.empty:
        return None
    figures = [figure for column in _TITLES if (figure := _heat_map(results, layers, column)) is not None]
    lead = (
        "Each column is a member of the front, the best first; each row a layer. The stronger the colour, the more was "
    )
    lead += "taken away: a higher pruning ratio, fewer bits."
    return Section("Layer by layer", lead, figures=tuple(figures))


def draw_costs(results: StudyResults) -> Section | None:
    """The stacked bars; None while the front is empty or its layers have no costs."""
    costs = front_costs_frame(results)
    if costs.empty:
        return None
    figures = [_stack(costs, "memory_bytes", "bytes"), _stack(costs, "energy_joules", "joules")]
    if "latency_seconds" in results.study.objectives.names:
        figures.append(_stack(costs, "latency_seconds", "seconds"))
    figures.append(_components(costs))
    lead = "The cost of each member of the front, the best first, split into its layers, "
    lead += "and its memory split into what it holds. All costs are for one input over all time steps."
    if len(others := costs.loc[costs["group"] != costs["layer"], "group"].unique()):
        lead += f" {capital(listing([str(name) for name in others]))} are not searched, yet they count."
    return Section("Where the costs lie", lead, figures=tuple(figures))


def _heat_map(results: StudyResults, layers: pd.DataFrame, column: str) -> Figure | None:
    wide = heat_frame(layers, column)
    if wide.empty:
        return None
    ratio = column == "pruning_ratio"
    show: Callable[[float], str] = (lambda value: share_text(value, 0)) if ratio else bits_text
    rows, columns = wide.shape
    drawing = theme.drawing(max(150, (24 if rows <= 16 else 17) * rows + 110))
    texts = [[("" if missing(value) else show(value)) for value in row] for row in wide.to_numpy(dtype=float)]
    unit = "" if ratio else " bit"
    hovers = [
        [
            f"<b>{figure_text(str(layer))}</b><br>trial {trial}: {text + unit if text else 'no neurons'}"
            for trial, text in zip(wide.columns, row, strict=True)
        ]
        for layer, row in zip(wide.index, texts, strict=True)
    ]
    colours: pd.DataFrame = wide if ratio else wide.map(lambda bits: bits if missing(bits) else math.log2(bits))
    drawing.add_heatmap(
        z=[[None if missing(value) else float(value) for value in row] for row in colours.to_numpy(dtype=float)],
        x=list(range(columns)),
        y=list(range(rows)),
        text=texts if columns <= TEXT_COLUMNS else None,
        texttemplate="%{text}" if columns <= TEXT_COLUMNS else None,
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        colorscale=theme.colour_scale(reverse=not ratio),
        xgap=1.5,
        ygap=1.5,
        showscale=columns > TEXT_COLUMNS,
        **_colour_range(wide, ratio),
    )
    drawing.update_layout(
        xaxis={**_member_axis(results), "showgrid": False},
        yaxis={**layer_axis([str(layer) for layer in wide.index]), "showgrid": False},
    )
    narrow = columns <= NARROW_COLUMNS and max(len(str(layer)) for layer in wide.index) <= NARROW_NAMES
    return Figure(_TITLES[column], drawing, size="small" if narrow else "wide")


def _colour_range(wide: pd.DataFrame, ratio: bool) -> dict[str, Any]:
    bar = {"thickness": 10, "outlinewidth": 0, "tickfont": {"size": 11, "color": theme.QUIET}}
    if ratio:
        return {"zmin": 0.0, "zmax": 1.0, "colorbar": {**bar, "tickformat": ".0%"}}
    known = sorted({float(bits) for bits in wide.to_numpy(dtype=float).ravel() if not math.isnan(bits)})
    low, high = math.log2(known[0]), math.log2(known[-1])
    ticks = {"tickvals": [math.log2(bits) for bits in known], "ticktext": [bits_text(bits) for bits in known]}
    return {"zmin": min(low, high - 1), "zmax": max(high, low + 1), "colorbar": {**bar, **ticks}}


def layer_axis(layers: list[str]) -> dict[str, Any]:
    """The settings of a vertical axis with the first layer on top; names are shortened and cannot act as markup."""
    return {
        "tickvals": list(range(len(layers))),
        "ticktext": [figure_text(name) for name in short_names(layers)],
        "range": [len(layers) - 0.5, -0.5],
    }


def _member_axis(results: StudyResults) -> dict[str, Any]:
    """The settings of a horizontal axis over the members: trial numbers, and time steps below while there is room."""
    members = front_members(results)
    every = max(1, math.ceil(len(members) / 24))
    texts = []
    for member in members:
        steps = (member.realised or member.asked).time_steps
        texts.append(f"{member.trial}<br>T={steps}" if len(members) <= 10 else f"{member.trial}")
    return {
        "tickvals": list(range(0, len(members), every)),
        "ticktext": texts[::every],
        "title": {"text": "trial" if len(members) > 10 else "trial, time steps T"},
        "range": [-0.5, len(members) - 0.5],
    }


def _stack(costs: pd.DataFrame, column: str, unit: str) -> Figure:
    wide = stack_frame(costs, column)
    other = costs["group"].nunique() > len(theme.PARTS)
    colours = list(theme.PARTS[: len(wide.columns)])
    if other:
        colours[-1] = theme.REST
    parts = [
        (figure_text(name), list(wide[layer]), colour)
        for name, layer, colour in zip(
            short_names([str(layer) for layer in wide.columns]), wide.columns, colours, strict=True
        )
    ]
    return _bars(list(wide.index), parts, unit, f"{capital(label_of(column))} by layer")


def _components(costs: pd.DataFrame) -> Figure:
    sums = costs.groupby("trial", sort=False)[list(_COMPONENTS)].sum()
    parts = [
        (name, list(sums[column]), colour)
        for column, (name, colour) in _COMPONENTS.items()
        if sums[column].sum() > 0 or column == "weight_memory_bytes"
    ]
    return _bars(list(sums.index), parts, "bytes", "Memory by what it holds")


def _bars(trials: list[int], parts: list[tuple[str, list[float], str]], unit: str, title: str) -> Figure:
    """One bar a trial, stacked from named parts; the names come as plotly text."""
    drawing = theme.drawing(360)
    totals = [math.fsum(values) for values in zip(*(values for _, values, _ in parts), strict=True)]
    for name, values, colour in parts:
        drawing.add_bar(
            x=list(range(len(trials))),
            y=values,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertext=[
                f"<b>{name}</b><br>trial {trial}: {value_text(value, unit)}"
                f" of {value_text(total, unit)} ({share_text(value / total if total else 0.0, 0)})"
                for trial, value, total in zip(trials, values, totals, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    every = max(1, math.ceil(len(trials) / 24))
    drawing.update_layout(
        barmode="stack",
        bargap=0.25,
        showlegend=True,
        xaxis={
            "tickvals": list(range(0, len(trials), every)),
            "ticktext": [f"{trial}" for trial in trials[::every]],
            "title": {"text": "trial"},
            "range": [-0.6, max(len(trials), 4) - 0.4],
            "showgrid": False,
        },
        yaxis=quantity_axis(pd.Series(totals, dtype=float), unit, "", from_zero=True).settings,
        legend={"traceorder": "normal"},
    )
    size = "small" if len(trials) <= NARROW_BARS else "normal"
    return Figure(title, drawing, size=size)
