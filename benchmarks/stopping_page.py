"""Writes ``docs/results/early_stopping.md`` from the lines that early_stopping.py made; every figure is from there."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stopping_replay import Table

from dse.early_stopping import RISK

Line = dict[str, Any]

#: The share of the final hypervolume that counts as equal.
NOTICED = 0.999
#: Goals: the largest share of the epochs, and the share of orders in which no member is lost.
SHARE_GOAL, KEPT_GOAL = 0.6, 0.95

HEAD = (
    "rule",
    "orders",
    "epochs of full training",
    "hypervolume of full training",
    "of full training, cut off after as many epochs",
    f"epochs to {NOTICED:.1%} of the hypervolume, over those of full training",
    "no member lost",
    "members lost (most)",
)


def write_page(lines: Sequence[Line], table: Table, path: Path) -> None:
    """The page, as far as there are results."""
    text = TEMPLATE.format(
        size=len(table.trials),
        epochs=table.epochs,
        validation=round(1797 * 0.8 * table.study.training.validation_fraction),
        risk=f"{RISK:g}",
        verdict=_verdict(_of(lines, "table", f"ours {RISK:g}")),
        rows="\n".join(_rows(lines, "table")),
        confirmation=_confirmation(_of(lines, "confirmation", f"ours {RISK:g}")),
        redrawn="\n".join(_rows(lines, "redrawn")),
        peers=MOASHA if any(line["method"].startswith("MOASHA") for line in lines) else "MOASHA has not been run yet.",
        search="\n".join(_search(lines)),
        stops=_stops(_of(lines, "table", f"ours {RISK:g}")),
        head=" | ".join(["", *HEAD, ""]).strip() + "\n" + "|---" * len(HEAD) + "|",
        **_limits(table),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _of(lines: Sequence[Line], part: str, method: str) -> list[Line]:
    return [line for line in lines if line["part"] == part and line["method"] == method]


def _shown(name: str) -> str:
    kind, _, rest = name.partition(" ")
    if kind == "ours":
        return f"ours, risk {rest}" + (" (default)" if float(rest) == RISK else "")
    return {
        "noise known": f"bound: ours, risk {rest.rpartition(' ')[2]}, with a model of the whole table",
        "all known": "bound: every final accuracy known, hopeless ones stopped after one epoch",
        "MOASHA 1": "MOASHA with ranks, grace period 1",
        "MOASHA 2": "MOASHA with ranks, grace period 2",
        "MOASHA as shipped": "MOASHA as shipped, grace period 1",
    }["noise known" if name.startswith("noise") else name]


def _place(name: str) -> tuple[int, str]:
    """Ours by their risk first, then the bounds, then the peers."""
    return (0, name) if name.startswith("ours") else (2, name) if name.startswith("MOASHA") else (1, name)


def _rows(lines: Sequence[Line], part: str) -> list[str]:
    rows = []
    for name in sorted({line["method"] for line in lines if line["part"] == part}, key=_place):
        own = _of(lines, part, name)
        kept = sum(line["lost"] == 0 for line in own)
        lost = statistics.fmean(line["lost"] for line in own)
        rows.append(
            f"| {_shown(name)} | {len(own)} | {_spread(own, 'epochs_share', 0)} | {_spread(own, 'volume', 3)} "
            f"| {_spread(own, 'full_volume_at_these_epochs', 2)} | {_reached(own)} | {kept} of {len(own)} "
            f"| {lost:.2f} ({max(line['lost'] for line in own)}) of "
            f"{statistics.fmean(line['members'] for line in own):.0f} |"
        )
    return rows


def _spread(lines: Sequence[Line], key: str, digits: int) -> str:
    values = [100 * line[key] for line in lines]
    return f"{statistics.fmean(values):.{digits}f}% ({min(values):.{digits}f} - {max(values):.{digits}f})"


def _reached(lines: Sequence[Line]) -> str:
    ratios = [line["epochs_to_volume"] for line in lines if line["epochs_to_volume"] is not None]
    if not ratios:
        return "never"
    text = f"{100 * statistics.fmean(ratios):.0f}%"
    return text if len(ratios) == len(lines) else f"{text} (in {len(ratios)} of {len(lines)})"


def _verdict(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    share = statistics.fmean(line["epochs_share"] for line in lines)
    volume = min(line["volume"] for line in lines)
    kept = sum(not line["lost"] for line in lines)
    first = "reached" if share <= SHARE_GOAL and volume >= NOTICED else "not reached"
    second = "reached" if kept >= KEPT_GOAL * len(lines) else "not reached"
    return (
        f"- At equal hypervolume at most {SHARE_GOAL:.0%} of the epochs: **{first}**, {share:.1%} on average, with "
        f"{volume:.2%} of the hypervolume in the worst order.\n"
        f"- No member of the full front lost in {KEPT_GOAL:.0%} of the orders: **{second}**, none lost in {kept} of "
        f"{len(lines)}; {sum(line['lost'] for line in lines)} of {sum(line['members'] for line in lines)} members lost "
        "in all."
    )


def _confirmation(lines: Sequence[Line]) -> str:
    """What the default does on orders that it was not chosen on."""
    if not lines:
        return "It has not been replayed on fresh orders yet."
    kept = sum(line["lost"] == 0 for line in lines)
    lost, members = (sum(line[key] for line in lines) for key in ("lost", "members"))
    return (
        f"On {len(lines)} fresh orders, which nothing was chosen on, it takes {_spread(lines, 'epochs_share', 0)}\n"
        f"of the epochs and loses no member in {kept} of {len(lines)} orders; {lost} of {members} members lost in all."
    )


def _stops(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    counts = [sum(line["stopped_after"][epoch] for line in lines) for epoch in range(len(lines[0]["stopped_after"]))]
    return ", ".join(f"{count / sum(counts):.0%} after epoch {epoch}" for epoch, count in enumerate(counts, start=1))


def _search(every: Sequence[Line]) -> Iterator[str]:
    for method in sorted({line["method"] for line in every if line["part"] == "search"}):
        lines = _of(every, "search", method)
        stopped = [sum(line["stopped_after"]) for line in lines]
        yield (
            f"{len(lines)} searches of {lines[0]['trials']} trainings each, risk {method.partition(' ')[2]}: "
            f"{_spread(lines, 'epochs_share', 0)} of the epochs, {statistics.fmean(stopped):.1f} trainings stopped on "
            f"average (at most {max(stopped)}); {sum(line['lost'] for line in lines)} of "
            f"{sum(line['members'] for line in lines)} members lost; {_spread(lines, 'volume', 3)} of the hypervolume "
            "that the same proposals have when all are trained to their end, and the search without early stopping, "
            f"which proposes otherwise, {_spread(lines, 'volume_without', 3)} of it."
        )


def _limits(table: Table) -> dict[str, str]:
    """How far the end of a training can be foretold, by a model of the whole table that left it out."""
    end = table.errors[:, -1]
    left = [end] + [
        end - table.errors[:, number - len(epoch.weights) : number] @ epoch.weights
        for number, epoch in enumerate(table.model.epochs, start=1)
    ]
    texts = [f"{np.std(error):.3f} after epoch {number}" for number, error in enumerate(left)]
    accuracies = table.curves[:, -1]
    totals = [trial.cost.total for trial in table.trials if trial.cost is not None]
    costs = np.array([(total.memory_bytes, total.energy_joules) for total in totals])
    short = []
    for index, cost in enumerate(costs):
        rivals = (costs <= cost).all(axis=1)
        rivals[index] = False
        gap = float(accuracies[rivals].max(initial=0.0) - accuracies[index])
        short += [gap] if gap >= 0.0 else []
    deviation = float(np.std(end))
    return {
        "left": f"{texts[0].partition(' ')[0]} before any training, " + ", ".join(texts[1:]),
        "deviation": f"{deviation:.3f}",
        "points": f"{100 * deviation * (1.0 - 0.97 + 0.01):.1f}",
        "gap": f"{100 * statistics.median(short):.1f}",
    }


MOASHA = """MOASHA is Syne Tune's scheduler on the same orders, halving, with error, memory and energy as its metrics.
Syne Tune 0.16.0 gives it indices where it expects ranks (`benchmarks/stopping_peer.py`), so it is replayed with ranks
as well; with a grace period of 2 epochs it spends about as many epochs as ours at risk 0.25."""

TEMPLATE = """# Early stopping, replayed on really trained configurations

Written by `python benchmarks/early_stopping.py` from `benchmarks/data/early_stopping.jsonl`; run it again after any
change.

The table holds {size} configurations of a small spiking network on digits, each trained once for {epochs} epochs with
its validation accuracy ({validation} images) after each one (`benchmarks/trained_table.py`). A replay trains them all
in a random order, one order for each seed from 0 on, once to the end and once under the tool's own rule, which knows at
every start only what had finished before. The rule was built on other orders (seeds from 1000 on), where a risk of 0.25
lost no member in 15 of 16; these orders do not bear that out. So the default, {risk}, was chosen on the figures below.
{confirmation}

{verdict}

{head}
{rows}

Means over the orders, in brackets lowest and highest. A member is lost if it is on the front of the full trainings and
its training was stopped.

With the default, of the stops {stops}.

{peers}

## The same with other noise

The front of one table is one draw: most of its members lead by one to five images. In a redrawn table every training
gets the errors of another one, all epochs of it, around what a model of the whole table expects of its configuration;
each row is over tables and orders of different seeds.

{head}
{redrawn}

## In the tool's own search

`known_cost` proposes few configurations that it expects to be dominated, and so leaves little to stop.
{search}

## What limits the saving

The configuration tells more of the final accuracy than the curve does. A model of the whole table leaves a standard
deviation, on the scale of -log(error + 0.01), of {left}: what one training adds by chance shows at its very end. At 97%
accuracy {deviation} is {points} points, and half of the dominated configurations fall short of the final front by less
than {gap} points. So the rule with a model of the whole table, which knows all but that chance, is the bound for any
rule of this kind; what learning costs is the difference to the first rows.
"""
