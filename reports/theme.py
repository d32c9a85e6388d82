"""Colours and the looks of every drawing. The palette is Okabe and Ito's, which colour-blind readers can tell apart.

A drawing is made in the light colours; the page exchanges each one by :data:`DARK` where the reader prefers dark.
Source of the palette: Okabe, Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

import plotly.graph_objects as go

INK = "#20242a"
QUIET = "#626b76"
LINES = "#e3e1dc"
PAPER = "#ffffff"
FRONT = "#0067ad"
DOMINATED = "#a9b0b8"
OVER_LIMIT = "#d98200"
BASELINE = "#1d1d1b"
BAD = "#c94f00"

#: For parts of a whole: layers, then grey for the rest.
PARTS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7fd1", "#b5a900")
REST = "#b9bec4"

#: One hue from "nothing" to "a lot".
SCALE = ("#f4f6f8", "#d8e8f4", "#b0d3ec", "#7fb6dd", "#1a6da3", "#083e68")

DARK = {
    INK: "#e7e9ec",
    QUIET: "#9da6b1",
    LINES: "#2f343b",
    PAPER: "#1b1e23",
    FRONT: "#5ab4f0",
    DOMINATED: "#596270",
    OVER_LIMIT: "#f0a63a",
    BASELINE: "#fafafa",
    BAD: "#ff8b4d",
    REST: "#5b636d",
    PARTS[0]: "#3f9fdc",
    **dict(zip(SCALE, ("#22272e", "#1d3c56", "#1f5a86", "#3585bd", "#6db3e2", "#c2e2f8"), strict=True)),
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"


def colour_scale(reverse: bool = False) -> list[list[float | str]]:
    """The sequential scale as plotly wants it, from 0 to 1."""
    colours = SCALE[::-1] if reverse else SCALE
    return [[index / (len(colours) - 1), colour] for index, colour in enumerate(colours)]


def drawing(height: int = 400) -> go.Figure:
    """An empty drawing with the report's looks: transparent, few lines, the legend above."""
    axis = {
        "gridcolor": LINES,
        "linecolor": LINES,
        "zeroline": False,
        "automargin": True,
        "ticks": "",
        "tickfont": {"color": QUIET, "size": 12},
        "title": {"font": {"color": QUIET, "size": 12}, "standoff": 10},
    }
    layout = go.Layout(
        height=height,
        margin={"l": 12, "r": 16, "t": 4, "b": 12},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        xaxis=axis,
        yaxis=axis,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"color": QUIET, "size": 12}},
        hoverlabel={
            "bgcolor": PAPER,
            "bordercolor": QUIET,
            "font": {"family": FONT, "size": 12, "color": INK},
            "align": "left",
        },
        hovermode="closest",
        template="none",
    )
    return go.Figure(layout=layout)
