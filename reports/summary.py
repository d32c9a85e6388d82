"""The first section: the answer, what was searched, and what became of the trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.frame import baseline_row, front_frame
from reports.section import Card, Cell, Section
from reports.text import (
    capital,
    label_of,
    listing,
    missing,
    plural,
    ratio_text,
    saving_text,
    share_text,
    unit_of,
    value_text,
)
from studies.results import StudyResults

#: How far below the dense float network (or else the best point) a smaller point may stay, as a share.
TOLERANCE = 0.015
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Best:
    """One point of the front that answers a question, and the question."""

    question: str
    row: dict[str, Any]


def space_size(results: StudyResults) -> float | None:
    """The power of ten of the number of configurations in the space; None while no trial names the layers."""
    first = next(iter(results.evaluations), results.baseline)
    if first is None:
        return None
    space, size = results.study.space, math.log10(len(results.study.space.time_steps.values))
    for budget in first.asked.budgets:
        choices = space.for_layer(budget.layer)
        if budget.membrane_bits is None:
            choices.pop("membrane_bits")
        size += sum(math.log10(len(choice.values)) for choice in choices.values())
    return size + sum(math.log10(len(values)) for values in space.method.parameters().values())


def best_points(results: StudyResults) -> list[Best]:
    """The most accurate member of the front, and for each other objective the best one that is nearly as accurate.

    Nearly: at most :data:`TOLERANCE` below the dense float network; where no member is, below the best one. A point
    that answers several questions is named once. Chosen by the objectives, that is on the validation split.
    """
    front = front_frame(results)
    if front.empty:
        return []
    first, *others = results.study.objectives.names
    maximised = first in results.study.objectives.maximize
    if not (maximised and unit_of(first) == "share"):
        found = [(f"best {label_of(name)}", _best(front, name, results)) for name in (first, *others)]
        return _merged(found)
    top = float(front[first].max())
    reference, than = top, "the most accurate"
    base = baseline_row(results)
    if base and not missing(base[first]) and top >= base[first] - TOLERANCE:
        reference, than = base[first], "the dense network"
    near = front[front[first] >= reference - TOLERANCE - 1e-12]
    highest = "most accurate" if first == "accuracy" else f"highest {label_of(first)}"
    points = f"{100 * TOLERANCE:g} points of {than}"
    found = [(highest, _best(front, first, results))]
    found += [(f"least {label_of(name)} within {points}", _best(near, name, results)) for name in others]
    return _merged(found)


def draw(results: StudyResults) -> Section:
    """The summary section."""
    best = best_points(results)
    base = baseline_row(results)
    cards = tuple(_card(point.question, point.row, base, results) for point in best)
    return Section(
        title="The answer",
        lead=_answer(results, best, base),
        cards=(*cards, _card("Dense float network, for comparison", base, base, results)) if base else cards,
        note=f"{_searched(results)} {_trials(results)}",
    )


def _best(front: pd.DataFrame, name: str, results: StudyResults) -> dict[str, Any]:
    ascending = name not in results.study.objectives.maximize
    return dict(front.sort_values(name, ascending=ascending, kind="stable").iloc[0])


def _merged(found: list[tuple[str, dict[str, Any]]]) -> list[Best]:
    questions: dict[int, list[str]] = {}
    rows = {int(row["trial"]): row for _, row in found}
    for question, row in found:
        questions.setdefault(int(row["trial"]), []).append(question)
    return [Best(_joined(names), rows[trial]) for trial, names in questions.items()]


def _joined(questions: list[str]) -> str:
    """Several questions as one: ``least memory and energy within 1.5 points of the dense network``."""
    heads: dict[str, list[str]] = {}
    for question in questions:
        head, within, of = question.partition(" within ")
        heads.setdefault(within + of, []).append(head)
    words = []
    for tail, (first, *others) in heads.items():
        same = [head.removeprefix("least ").removeprefix("best ") for head in others]
        words.append(listing([first, *same]) + tail)
    return "; ".join(words)


def headline_accuracy(row: dict[str, Any]) -> tuple[str, str]:
    """The accuracy to name first and what it is: on the test split if measured, else on the validation split."""
    split = "validation" if missing(row["test_mean"]) else "test"
    text = share_text(row[f"{split}_mean"])
    if not missing(row[f"{split}_std"]):
        text += f" ± {100 * row[f'{split}_std']:.1f}"
    seeds = int(row[f"{split}_seeds"])
    return text, f"{split} accuracy" + (f", {seeds} seeds" if seeds > 1 else "")


def chosen_by(row: dict[str, Any], base: dict[str, Any] | None, results: StudyResults) -> str:
    """What a member was chosen by where that is a share: its reading on the validation split, and the dense network's.

    The number named first may come from the test split, where the two may stand the other way round.
    """
    first = results.study.objectives.names[0]
    if unit_of(first) != "share" or missing(row[first]):
        return ""
    name = "" if first == "accuracy" else f" {label_of(first)}"
    text = f"chosen on validation:{name} {share_text(row[first])}"
    dense = base is not None and not missing(base[first])
    return f"{text} against {share_text(base[first])} of the dense network" if base and dense else text


def _answer(results: StudyResults, best: list[Best], base: dict[str, Any] | None) -> str:
    if not best:
        if results.counts["complete"]:
            return "No finished trial stays inside the study's limits, so there is no front yet."
        return "No trial has finished yet, so there is no front to show."
    chosen = best[1] if len(best) > 1 else best[0]
    costly = [name for name in results.study.objectives.names if unit_of(name) != "share"]
    names = (costly or ["memory_bytes", "energy_joules"])[:2]
    costs = [f"{_unbroken(value_text(chosen.row[name], unit_of(name)))} of {label_of(name)}" for name in names]
    accuracy, kind = headline_accuracy(chosen.row)
    sentence = f"Trial {int(chosen.row['trial'])} reaches {accuracy} {kind.partition(',')[0]}"
    sentence += f" with {listing(costs)}" if costs else ""
    chosen_on = chosen_by(chosen.row, base, results)
    after = f" The trial was {chosen_on}." if chosen_on else ""
    if base is None:
        return f"{sentence}.{after}"
    ratios = [
        f"{ratio_text(base[name] / chosen.row[name])} less {label_of(name)}"
        for name in names
        if base[name] and chosen.row[name] and base[name] > chosen.row[name]
    ]
    dense, _ = headline_accuracy(base)
    if not ratios:
        return f"{sentence}; the dense float network reaches {dense}.{after}"
    return f"{sentence}: {listing(ratios)} than the dense float network, which reaches {dense}.{after}"


def _unbroken(text: str) -> str:
    """A quantity that no line break separates from its unit."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _card(title: str, row: dict[str, Any], base: dict[str, Any] | None, results: StudyResults) -> Card:
    dense = row.get("role") == "baseline"
    names = list(dict.fromkeys([*results.study.objectives.names, "memory_bytes", "energy_joules", "latency_seconds"]))
    lines = [
        (capital(label_of(name)), value_text(row[name], unit_of(name)), Cell("") if dense else _saving(row, base, name))
        for name in names
        if name != "accuracy" and not missing(row[name])
    ]
    lines.append(("Time steps", f"{int(row['time_steps'])}", Cell("")))
    value, caption = headline_accuracy(row)
    if not dense:
        chosen = chosen_by(row, base, results)
        caption += f" · trial {int(row['trial'])}" + (f", {chosen}" if chosen else "")
    return Card(capital(title), value, caption, tuple(lines), quiet=dense)


def _saving(row: dict[str, Any], base: dict[str, Any] | None, name: str) -> Cell:
    """How many times less than the dense float network, or how many times as much."""
    reference = base[name] if base and unit_of(name) != "share" else None
    if missing(reference) or not reference or not row[name]:
        return Cell("")
    ratio = float(reference / row[name])
    return Cell(saving_text(ratio), mark="" if ratio > 1.0 else "quiet")


def _searched(results: StudyResults) -> str:
    study, size = results.study, space_size(results)
    first = next(iter(results.evaluations), results.baseline)
    layers = plural(len(first.asked.budgets), "layer") if first else "every layer"
    goals = [f"the highest {label_of(name)}" for name in study.objectives.maximize]
    goals += [f"the least {label_of(name)}" for name in study.objectives.minimize]
    number = ""
    if size is not None:
        number = (
            f" among {10**size:,.0f} configurations"
            if size < 4
            else f" among about 10{f'{size:.0f}'.translate(_SUPERSCRIPT)} configurations"
        )
    return (
        f"The search looked for {listing(goals)} of {study.task.network} on {study.task.dataset}, priced for "
        f"{study.hardware}{number}: pruning ratio and bit widths of {layers}, and the number of time steps."
    )


def _trials(results: StudyResults) -> str:
    counts = results.counts
    words = {
        "stopped": "of them stopped early",
        "failed": "failed",
        "skipped": "skipped without training",
        "running": "not finished",
    }
    rest = [f"{counts[state]:,} {words[state]}" for state in words if counts[state]]
    sentence = f"{plural(results.finished, 'trial')} finished of {results.study.search.trials:,} asked"
    return f"{sentence}; {listing(rest)}." if rest else f"{sentence}."
