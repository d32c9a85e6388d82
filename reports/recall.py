"""What compression did to single classes: the recall of each class by the members of the front."""

from __future__ import annotations

import math
import re
from statistics import fmean, stdev

import pandas as pd

from reports import theme
from reports.frame import front_members, records
from reports.layers import layer_axis
from reports.section import Cell, Column, Figure, Section, Table
from reports.text import MISSING, figure_text, share_text
from studies.evaluation import Evaluation
from studies.objectives import RECALL_PREFIX
from studies.recall import distortions_by_seed
from studies.results import StudyResults

BASELINE = "dense"
#: Cells bear their value up to this many classes and columns.
TEXT_CLASSES, TEXT_COLUMNS = 30, 24


def recall_split(results: StudyResults) -> str | None:
    """The split to show: test where every member of the front has it, else validation, else None."""
    members = front_members(results)
    for split in ("test", "validation"):
        if members and all(_recalls(member, split) for member in members):
            return split
    return None


def recall_frame(results: StudyResults, split: str) -> pd.DataFrame:
    """One row a class, one column a member of the front (mean over its seeds), the dense network last if known."""
    columns: dict[str, dict[str, float]] = {
        f"{member.trial}": _recalls(member, split) for member in front_members(results)
    }
    if results.baseline and (base := _recalls(results.baseline, split)):
        columns[BASELINE] = base
    frame = pd.DataFrame(columns)
    return frame.loc[sorted(frame.index, key=_class_order)]


def draw(results: StudyResults) -> Section | None:
    """The section; None unless every member of the front has recalls."""
    split = recall_split(results)
    if split is None:
        return None
    frame = recall_frame(results, split)
    rows, columns = frame.shape
    drawing = theme.drawing(max(180, 24 * rows + 110))
    texts = [[share_text(value, 0) for value in row] for row in frame.to_numpy(dtype=float)]
    labelled = rows <= TEXT_CLASSES and columns <= TEXT_COLUMNS
    drawing.add_heatmap(
        z=[[1.0 - value for value in row] for row in frame.to_numpy(dtype=float)],
        x=list(range(columns)),
        y=list(range(rows)),
        text=texts if labelled else None,
        texttemplate="%{text}" if labelled else None,
        hovertext=[
            [
                f"<b>class {figure_text(str(name))}</b><br>{_column_name(column)}: {text}"
                for column, text in zip(frame.columns, row, strict=True)
            ]
            for name, row in zip(frame.index, texts, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        colorscale=theme.colour_scale(),
        zmin=0.0,
        zmax=max(0.1, 1.0 - float(frame.to_numpy(dtype=float).min())),
        showscale=False,
        xgap=1.5,
        ygap=1.5,
    )
    drawing.update_layout(
        xaxis={
            "tickvals": list(range(columns)),
            "ticktext": [str(column) for column in frame.columns],
            "title": {"text": "trial"},
            "showgrid": False,
        },
        yaxis={**layer_axis([str(name) for name in frame.index]), "title": {"text": "class"}, "showgrid": False},
    )
    figure = Figure(
        f"Recall of each class, {split} split", drawing, "The stronger the colour, the more is missed.", size="wide"
    )
    distorted = _distortion_table(results, split)
    return Section("Class by class", _lead(frame), figures=(figure,), tables=(distorted,) if distorted else ())


def distortion_frame(results: StudyResults, split: str) -> pd.DataFrame:
    """One row a member of the front: intensification, fit, worst class and its loss; means over the seeds."""
    rows = []
    for member in front_members(results):
        found = list(distortions_by_seed(member, results.baseline, split).values()) if results.baseline else []
        if not found:
            continue
        losses: dict[str, list[float]] = {}
        for one in found:
            for recall in one.classes:
                losses.setdefault(recall.name, []).append(recall.loss)
        means = {name: fmean(values) for name, values in losses.items()}
        worst = max(means, key=lambda name: means[name])
        slopes = [one.intensification for one in found if one.intensification is not None]
        fits = [one.fit for one in found if one.fit is not None]
        rows.append(
            {
                "trial": member.trial,
                "accuracy": fmean(one.accuracy_after for one in found),
                "intensification": fmean(slopes) if slopes else None,
                "deviation": stdev(slopes) if len(slopes) > 1 else None,
                "fit": fmean(fits) if fits else None,
                "worst_class": worst,
                "largest_loss": means[worst],
            }
        )
    return pd.DataFrame(rows)


def _distortion_table(results: StudyResults, split: str) -> Table | None:
    frame = distortion_frame(results, split)
    if frame.empty:
        return None
    rows = []
    for row in records(frame):
        slope, deviation, fit = (_number(row[name]) for name in ("intensification", "deviation", "fit"))
        text = MISSING if slope is None else f"{slope:.2f}" + ("" if deviation is None else f" ± {deviation:.2f}")
        rows.append(
            (
                Cell(str(row["trial"]), float(row["trial"])),
                Cell(share_text(row["accuracy"]), row["accuracy"]),
                Cell(text, slope),
                Cell(MISSING if fit is None else f"{fit:.2f}", fit),
                Cell(str(row["worst_class"])),
                Cell(share_text(row["largest_loss"]), row["largest_loss"]),
            )
        )
    columns = (
        Column("trial"),
        Column("accuracy"),
        Column("intensification"),
        Column("r²"),
        Column("class hit hardest", number=False),
        Column("its loss of recall"),
    )
    return Table(columns, tuple(rows), f"Above 1, gaps between classes have widened ({split} split)", sortable=True)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _recalls(evaluation: Evaluation, split: str) -> dict[str, float]:
    metrics = {m.metric for m in evaluation.measurements if m.split == split and m.metric.startswith(RECALL_PREFIX)}
    return {name.removeprefix(RECALL_PREFIX): fmean(evaluation.values(split, name).values()) for name in metrics}


def _class_order(name: str) -> tuple[list[tuple[int, str]], str]:
    """Numbers in a class's name count as numbers, so that class 10 follows class 9."""
    return [(int(digits or 0), words) for words, digits in re.findall(r"(\D*)(\d*)", name)], name


def _column_name(column: str) -> str:
    return "dense float network" if column == BASELINE else f"trial {column}"


def _lead(frame: pd.DataFrame) -> str:
    members = frame.drop(columns=BASELINE, errors="ignore")
    recalls = members.to_numpy(dtype=float)
    row, column = divmod(int(recalls.argmin()), recalls.shape[1])
    name, trial = members.index[row], members.columns[column]
    lead = "An average can hide that one class was given up. "
    lead += f"The lowest recall on the front is {share_text(float(recalls.min()))}, class {name} in trial {trial}"
    if BASELINE in frame:
        there = float(frame[BASELINE].to_numpy(dtype=float)[row])
        lead += f"; the dense float network has {share_text(there)} there"
    return f"{lead}."
