"""Writes docs/results/spquant.md from the measured lines: means, spreads and costs; nothing is trained here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.spquant_protocol import PROTOCOLS, Protocol
from benchmarks.spquant_rows import ABLATIONS, DROPPED, FLOAT, MAIN, PEERS, UNPRUNED, W2_ENDS, Row
from cost_models import (
    OPERATION_CONVENTIONS,
    Configuration,
    Conventions,
    LayerBudget,
    Workload,
    estimate,
    load_hardware,
)
from cost_models.channel_removal import channels_left
from cost_models.configuration_batch import ConfigurationBatch
from dse.networks import build_network
from dse.trace import trace

SHAPES = {"n_mnist": (2, 34, 34), "fashion_mnist": (1, 28, 28), "mnist": (1, 28, 28)}
TITLES = {
    "fashion_mnist": "Fashion-MNIST (still images, test set of 10,000)",
    "n_mnist": "N-MNIST (events, five folds over 1,100 of its 70,000 recordings)",
    "mnist": "MNIST (still images, test set of 10,000)",
}
HARDWARE = load_hardware("edge_asic_45nm")
Line = dict[str, Any]
#: Largest difference below a float network of the same length, smallest reductions: what the table is to show.
MOST_LOSS, WISHED_LOSS, LEAST_MEMORY, LEAST_OPERATIONS = 1.8, 0.5, 12.0, 5.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What a row costs, means over its measured networks."""

    memory_bytes: float
    with_buffers: float
    with_tables: float | None
    kept_dense: float
    synops: float
    energy_joules: float


@lru_cache(maxsize=8)
def workload_of(dataset: str) -> Workload:
    """The untrained network of a data set."""
    shape = SHAPES[dataset]
    return trace(build_network("spiking_cnn", shape, 10), shape, temporal=dataset == "n_mnist")


def priced(line: Line, row: Row) -> tuple[Workload, Configuration]:
    """The workload and the configuration that a measured line stands for."""
    workload = workload_of(line["dataset"])
    configuration = Configuration(
        tuple(
            LayerBudget(
                layer.name,
                line["pruning_ratio"][layer.name],
                row.bits[layer.name],
                row.membrane if layer.neurons else None,
                "channel",
            )
            for layer in workload.compressible
        ),
        PROTOCOLS[line["dataset"]].time_steps,
    )
    layers = tuple(
        replace(
            layer,
            input_density=line["input_density"][layer.name],
            output_density=line["output_density"][layer.name],
        )
        if layer.compressible
        else layer
        for layer in workload.layers
    )
    return replace(workload, layers=layers), configuration


def costs_of(lines: Sequence[Line], row: Row) -> Costs:
    """Mean costs of the networks of one row on one data set."""
    found = []
    for line in lines:
        workload, configuration = priced(line, row)
        total = estimate(workload, configuration, HARDWARE).total
        buffers = Conventions(partial_sum_bits=8 if row.membrane < 32 else 32)
        found.append(
            Costs(
                total.memory_bytes,
                estimate(workload, configuration, HARDWARE, conventions=buffers).total.memory_bytes,
                _with_tables(workload, configuration, total.memory_bytes) if row.membrane == 1.58 else None,
                OPERATION_CONVENTIONS["kept-dense FLOPs"](workload, configuration),
                OPERATION_CONVENTIONS["SynOps"](workload, configuration),
                total.energy_joules,
            )
        )
    return Costs(*(_mean([getattr(one, name) for one in found]) for name in Costs.__slots__))  # type: ignore[arg-type]


def _with_tables(workload: Workload, configuration: Configuration, memory_bytes: float) -> float:
    """Memory with nine 16-bit thresholds a channel (three levels) in place of the batch norms' two 32-bit constants."""
    batch = ConfigurationBatch.of(workload, [configuration])
    left = channels_left(workload, batch) if batch.channel is not None else {}
    channels = sum(
        layer.channels * (float(left[layer.name].output[0]) if left else 1.0)
        for layer in workload.compressible
        if layer.neurons
    )
    return memory_bytes + channels * (9 * 16 - 2 * 32) / 8


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else None


def _key(line: Line) -> tuple[int, int]:
    return line["fold"], line["seed"]


def accuracy(line: Line) -> float:
    """In percent."""
    return 100.0 * float(line["right"]) / float(line["samples"])


def differences(lines: Sequence[Line], others: Sequence[Line]) -> list[float]:
    """Points of each network against the one of the same fold and seed."""
    other = {_key(line): accuracy(line) for line in others}
    return [accuracy(line) - other[_key(line)] for line in lines if _key(line) in other]


def shown(values: Sequence[float], signed: bool = False) -> str:
    """Mean and standard deviation."""
    if not values:
        return "-"
    sign = "+" if signed else ""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{sign}.2f}{spread}"


def write_page(lines: Sequence[Line], planned: Collection[str], path: Path) -> None:
    """The page, from whatever is measured by now; ``planned`` are the keys of the networks that are to be there."""
    unique = list({line["key"]: line for line in lines}.values())
    text = [_head(unique, planned), _wanted(unique)]
    for dataset in TITLES:
        own = [line for line in unique if line["dataset"] == dataset]
        if own:
            text.append(_dataset(dataset, own))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text))


def _head(lines: Sequence[Line], planned: Collection[str]) -> str:
    done = sum(line["key"] in planned for line in lines)
    further = len(lines) - done
    dropped = f" and {further} that were dropped" if further else ""
    torch = ", ".join(sorted({line["torch"] for line in lines}))
    seconds = sum(line["seconds"] + line["start_seconds"] for line in lines)
    lengths = "\n".join(f"- {_short(name)}: {_length(PROTOCOLS[name])}" for name in TITLES)
    return f"""# SpQuant-SNN on real data

Written by `python -m benchmarks.spquant_table --data-root DIR` from `spquant.jsonl` (one line a trained network); run
it again and it trains what is still missing. {done} of {len(planned)} networks so far{dropped}, torch {torch},
one thread each on a shared two-core x86-64 machine, {seconds / 60:.0f} minutes of wall time.

Network: conv16-AP-conv32-AP-fc128-fc (`spiking_cnn`), T = 4, leak 0.5, threshold 1, hard reset, triangle surrogate, TET
loss. Per data set, fold and seed one float network is trained (Adam 2e-3, cosine). Every row, the float one too, goes
on from it for the same further epochs: *float* has seen as much as the others. A row that loses channels loses them at
once, those with the least |gamma| x sum of outgoing |w|, and is trained for the first of these epochs as a smaller
float network before it is rounded too. Each epoch draws its samples anew from all 60,000 images, or from 880 recordings
moved ten times each by up to 2 pixels. Of the 70,000 recordings of N-MNIST only 1,100 were used, the first 1,000
of the training part and the first 100 of the test part, taken together: four folds of 220 are trained on, the fifth is
tested on.

{lengths}

{_rates()}
Channels, mask and rates were chosen with other seeds on a part of the training data (still images: 10,000 images;
N-MNIST: the second fold, which is tested on below too, with networks that saw the last three). There a float network
gained nothing from twice its rate (Fashion-MNIST: 0.06 points), rounded ones with few channels 0.3. What was measured
on the test part of Fashion-MNIST before these settings were final is shown below its table. MNIST has rows with seven
channels in conv1 as well: they were added when the operations of those with eight were known.

Accuracy in percent, mean ± standard deviation over seeds (still images) or folds (N-MNIST), n of them; *to float* is
the mean difference to the float network of the same fold and seed. One of the 220 recordings of a fold is 0.45 points;
the standard error of one figure on 10,000 images is about 0.3 at 90 %. Memory charges every constant: weights, scales,
biases, batch norms and membranes. *x* is how many times less than float; *buffer*: with a partial sum for each neuron
as in the published totals (32 bits before, 8 after); *tables*: with nine 16-bit thresholds a channel instead of a batch
norm, as integer-only inference keeps them. Operations for one sample: *kept-dense* after the authors' released code
(every step, inputs taken as dense, neuron updates included), *SynOps* spike-aware; each against float by the same
count. The released code counts only membranes that are not zero; we count every neuron in every step, an upper bound on
either side of a ratio. Whatever the shares of zeros are, the released count would put each kept-dense ratio of a pruned
row at most 1.6 % lower and at most 4.2 % higher than it stands here, and each goal called reached below would stay so.
It also charges a channel predictor more than we do; no row of these tables has one. Energy:
{HARDWARE.name}. *hold* and *skip*: a neuron whose stored membrane is negative gets no current, for the rest of the
sample or for one step; measured on the test part.
"""


def _short(dataset: str) -> str:
    return TITLES[dataset].split(" (")[0]


def _length(protocol: Protocol) -> str:
    kept = protocol.further_epochs - protocol.pruned_float_epochs
    return (
        f"{protocol.start_epochs} epochs of {protocol.samples_per_epoch:,} to start with, {protocol.further_epochs} "
        f"further ones ({protocol.pruned_float_epochs} + {kept} where channels go), batch {protocol.batch}"
    )


def _rates() -> str:
    found: dict[float, list[str]] = {}
    for row in dict.fromkeys(row for rows in MAIN.values() for row in rows):
        found.setdefault(row.rate, []).append(row.name)
    usual = max(found, key=lambda rate: len(found[rate]))
    others = ", ".join(f"{rate:g} ({'; '.join(found[rate])})" for rate in found if rate != usual)
    return f"Adam from {usual:g} in the further epochs, but from {others}."


def _wanted(lines: Sequence[Line]) -> str:
    """Whether the published shape is there, in numbers, for each data set and pruned row."""
    table = []
    for dataset in TITLES:
        by_row = _by_row(dataset, lines)
        base = by_row[FLOAT.name]
        for row in (UNPRUNED[2], *(row for row in MAIN[dataset] if row.channels)):
            if base and by_row[row.name]:
                table.append(f"{_short(dataset)} | {_verdicts(row, by_row[row.name], base)}")
    head = "data set | row | n | memory x, buffer | kept-dense x | below float | all three"
    return "\n".join(
        (
            "## What was to be shown\n",
            f"At least {LEAST_MEMORY:g}x less memory (every constant and the published buffer), at least "
            f"{LEAST_OPERATIONS:g}x fewer operations\n(kept-dense) when pruned, at most {MOST_LOSS} points below "
            f"a float network trained as long, together; the wish: at most {WISHED_LOSS}.\n",
            *_table(head, table, words=2),
            "",
        )
    )


def _verdicts(row: Row, lines: Sequence[Line], base: Sequence[Line]) -> str:
    cost, whole = costs_of(lines, row), costs_of(base, FLOAT)
    memory, operations = whole.with_buffers / cost.with_buffers, whole.kept_dense / cost.kept_dense
    losses = [-value for value in differences(lines, base)]
    loss = statistics.fmean(losses)
    fulfilled = (memory >= LEAST_MEMORY, operations >= LEAST_OPERATIONS, loss <= MOST_LOSS)
    wish = ", the wish too" if loss <= WISHED_LOSS else ", the wish not"
    together = f"**reached**{wish}" if all(fulfilled) else "not reached"
    return " | ".join(
        (
            row.name,
            str(len(lines)),
            f"{memory:.2f}: {_reached(fulfilled[0])}",
            f"{operations:.2f}: {_reached(fulfilled[1])}" if row.channels else f"{operations:.2f}: not pruned",
            f"{shown(losses)}: {_reached(fulfilled[2])}",
            together if row.channels else "-",
        )
    )


def _reached(yes: bool) -> str:
    return "reached" if yes else "**not reached**"


def _by_row(dataset: str, lines: Sequence[Line]) -> dict[str, list[Line]]:
    rows = (*MAIN[dataset], *PEERS, *ABLATIONS, *DROPPED)
    return {row.name: [x for x in lines if x["dataset"] == dataset and x["row"] == row.name] for row in rows}


def _dataset(dataset: str, lines: Sequence[Line]) -> str:
    by_row = _by_row(dataset, lines)
    base = by_row[FLOAT.name]
    text = [f"## {TITLES[dataset]}\n"]
    if base:
        reference = costs_of(base, FLOAT)
        text += _table(
            "row | n | accuracy | to float | KiB | x | x, buffer | x, tables | kept-dense x | SynOps x | energy µJ",
            [_main_row(row, by_row[row.name], base, reference) for row in MAIN[dataset] if by_row[row.name]],
        )
    for title, rows in (("Peers", PEERS), ("Ablations", ABLATIONS), ("Measured first, and dropped", DROPPED)):
        measured = [row for row in (W2_ENDS, *rows) if by_row[row.name]]
        if set(measured) - {W2_ENDS}:
            text.append(f"\n### {title}, everything else as in {W2_ENDS.name}\n")
            text += _table(
                f"row | n | accuracy | to float | to {W2_ENDS.name}",
                [_short_row(row, by_row[row.name], base, by_row[W2_ENDS.name]) for row in measured],
            )
            text += _against(rows, by_row)
    return "\n".join(text) + "\n"


def _against(rows: Sequence[Row], by_row: dict[str, list[Line]]) -> list[str]:
    """In words, where our row stands against each of these, and whether that can be told from chance."""
    text = [""]
    for row in rows:
        points = [-value for value in differences(by_row[row.name], by_row[W2_ENDS.name])]
        if len(points) > 1:
            mean, error = statistics.fmean(points), statistics.stdev(points) / len(points) ** 0.5
            place = "ahead of" if mean > 0 else "behind"
            sure = "" if abs(mean) > 2 * error else ": not to be told apart"
            text.append(
                f"- {W2_ENDS.name} is {abs(mean):.2f} points {place} {row.name} "
                f"(standard error {error:.2f}, n = {len(points)}){sure}."
            )
    return text if len(text) > 1 else []


def _table(head: str, rows: Iterable[str], words: int = 1) -> list[str]:
    columns = head.count("|") + 1
    return [f"| {head} |", "|---" * words + "|---:" * (columns - words) + "|", *(f"| {row} |" for row in rows)]


def _main_row(row: Row, lines: Sequence[Line], base: Sequence[Line], reference: Costs) -> str:
    cost = costs_of(lines, row)
    times: Callable[[float, float], str] = lambda whole, left: f"{whole / left:.2f}"  # noqa: E731
    return " | ".join(
        (
            row.name,
            str(len(lines)),
            shown([accuracy(line) for line in lines]),
            "" if row is FLOAT else shown(differences(lines, base), signed=True),
            f"{cost.memory_bytes / 1024:.1f}",
            times(reference.memory_bytes, cost.memory_bytes),
            times(reference.with_buffers, cost.with_buffers),
            "-" if cost.with_tables is None else times(reference.memory_bytes, cost.with_tables),
            times(reference.kept_dense, cost.kept_dense),
            times(reference.synops, cost.synops),
            f"{1e6 * cost.energy_joules:.3f}",
        )
    )


def _short_row(row: Row, lines: Sequence[Line], base: Sequence[Line], anchor: Sequence[Line]) -> str:
    to_anchor = "" if row is W2_ENDS else shown(differences(lines, anchor), signed=True)
    values = shown([accuracy(line) for line in lines])
    return " | ".join((row.name, str(len(lines)), values, shown(differences(lines, base), signed=True), to_anchor))
