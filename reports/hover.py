"""The text over a point: all that is to know of one trial."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.text import (
    MISSING,
    bits_text,
    capital,
    figure_text,
    label_of,
    missing,
    plural,
    share_text,
    shorten,
    unit_of,
    value_text,
)
from studies.evaluation import Evaluation

#: Layers named in the text over a point; a network with more ends in "and n more".
HOVER_LAYERS = 8


def hover_text(evaluation: Evaluation, row: pd.Series[Any] | dict[str, Any], names: tuple[str, ...]) -> str:
    """All that is to know of one trial, as plotly text: users' names in it cannot act as markup."""
    title = "dense float network" if evaluation.trial is None else f"trial {evaluation.trial}"
    lines = [f"<b>{title}</b>"]
    for name in names:
        seed = " on validation, search seed" if unit_of(name) == "share" and evaluation.trial is not None else ""
        lines.append(f"{capital(label_of(name))}{seed}: {value_text(row[name], unit_of(name))}")
    for split in ("validation", "test"):
        if not missing(row[f"{split}_mean"]):
            seeds = plural(int(row[f"{split}_seeds"]), "seed")
            lines.append(f"{capital(split)} accuracy, {seeds}: {accuracy_text(row, split)}")
    configuration = evaluation.realised or evaluation.asked
    lines.append(f"Time steps: {configuration.time_steps}")
    for budget in configuration.budgets[:HOVER_LAYERS] if evaluation.trial is not None else ():
        membrane = "" if budget.membrane_bits is None else f" · membrane {bits_text(budget.membrane_bits)} bit"
        lines.append(
            f"{figure_text(shorten(budget.layer))}: {share_text(budget.pruning_ratio, 0)} pruned"
            f" · weights {bits_text(budget.weight_bits)} bit{membrane}"
        )
    more = len(configuration.budgets) - HOVER_LAYERS
    if more > 0 and evaluation.trial is not None:
        lines.append(f"and {plural(more, 'more layer')}")
    return "<br>".join(lines)


def accuracy_text(row: pd.Series[Any] | dict[str, Any], split: str) -> str:
    """Mean and standard deviation over the seeds: ``97.8% ± 0.3``."""
    mean, deviation = row[f"{split}_mean"], row[f"{split}_std"]
    if missing(mean):
        return MISSING
    return share_text(mean) + ("" if missing(deviation) else f" ± {100 * deviation:.1f}")
