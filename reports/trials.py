"""The trials that gave no point: failed, stopped or skipped, grouped by their reason."""

from __future__ import annotations

import re

import pandas as pd

from reports.frame import records
from reports.section import Cell, Column, Section, Table
from reports.text import listing, plural
from studies.evaluation import State
from studies.results import StudyResults

#: Groups shown; the rest are counted in one line.
GROUPS = 25
_WORDS = {
    State.FAILED: "failed",
    State.STOPPED: "stopped early",
    State.SKIPPED: "skipped",
    State.RUNNING: "not finished",
}


def reasons_frame(results: StudyResults) -> pd.DataFrame:
    """One row for each kind of reason: state, an example, the number of trials and their numbers, failures first.

    Reasons that differ in nothing but their numbers are of one kind.
    """
    rows = [
        {
            "state": evaluation.state.value,
            "order": list(_WORDS).index(evaluation.state),
            "kind": re.sub(r"\d[\d.,]*(e[-+]?\d+)?", "#", evaluation.reason),
            "reason": evaluation.reason,
            "trial": evaluation.trial,
        }
        for evaluation in results.evaluations
        if evaluation.state in _WORDS
    ]
    if not rows:
        return pd.DataFrame(columns=["state", "reason", "count", "trials"])
    groups = pd.DataFrame(rows).groupby(["order", "state", "kind"], sort=False)
    frame = groups.agg(reason=("reason", "first"), count=("trial", "size"), trials=("trial", list)).reset_index()
    ordered = frame.sort_values(["order", "count"], ascending=[True, False], kind="stable")
    return ordered[["state", "reason", "count", "trials"]].reset_index(drop=True)


def draw(results: StudyResults) -> Section | None:
    """The section; None if every trial gave a point."""
    frame = reasons_frame(results)
    if frame.empty:
        return None
    sums: dict[str, int] = {}
    for row in records(frame):
        sums[row["state"]] = sums.get(row["state"], 0) + row["count"]
    counts = [f"{count:,} {_WORDS[State(state)]}" for state, count in sums.items()]
    lead = f"{plural(sum(sums.values()), 'trial')} gave no point for the front: {listing(counts)}."
    if State.STOPPED in sums:
        trained, whole = results.epochs_trained
        lead += (
            " A training is stopped early once it has hardly a chance to join the front at its cost, which is known: "
            f"so {trained:,} of {whole:,} epochs were trained."
        )
    if State.SKIPPED in sums:
        lead += " A skipped trial was never trained: it cost no time and does not count towards the trials asked for."
    rows = [
        (
            Cell(_WORDS[State(row["state"])], mark="bad" if row["state"] == State.FAILED else ""),
            Cell(row["reason"] or "no reason was stored"),
            Cell(f"{row['count']:,}", float(row["count"])),
            Cell(_some(row["trials"])),
        )
        for row in records(frame.head(GROUPS))
    ]
    columns = (
        Column("State", number=False),
        Column("Reason (of the first one)", number=False, long=True),
        Column("Trials"),
        Column("Which", number=False, long=True),
    )
    rest = frame.iloc[GROUPS:]
    note = (
        f"And {plural(int(rest['count'].sum()), 'trial')} with {plural(len(rest), 'other reason')}."
        if len(rest)
        else ""
    )
    return Section("Trials without a point", lead, tables=(Table(columns, tuple(rows)),), note=note)


def _some(trials: list[int | None], shown: int = 8) -> str:
    """The first few trial numbers.

    >>> _some([1, 2, 3]), _some(list(range(10)), shown=3)
    ('1, 2, 3', '0, 1, 2, …')
    """
    return ", ".join(f"{trial}" for trial in trials[:shown]) + (", …" if len(trials) > shown else "")
