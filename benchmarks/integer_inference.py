"""Integer-only inference against the trained float network, on every image of the test split: how much differs.

    python benchmarks/integer_inference.py --data-root DIR [--only TEXT] [--epochs 3] [--results docs/results]

Trains the ready studies' networks under fixed settings, then runs the whole test split twice: through the float network
and through integers alone, comparing each spike, each stored membrane level and each prediction. "measured" is the
network as a study measures it (scales behind integer sums), where the goal is 0; "as trained" is the one with float
weights and batch norm inside the sums, whose rounding is its own. The fixed-point settings do the same with two rounded
constants a channel for the tables, the weights trained further under them, as `dse export --format fixed_point` does.
What is in the JSON lines file is not run again; the page is written from that file.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cost_models import Configuration
from dse.evaluate import Job, data_of, trace_study, trained_network, training_of
from dse.export.export_format import TrainedTrial
from dse.export.packed_format import PACKED, with_fixed_point
from dse.export.packing import smallest_type
from dse.integer_inference import InputCodes, IntegerNetwork, compare, make_exact
from dse.integer_inference.fixed_point import FixedPoint
from dse.training import one_thread
from studies import load_study

#: Study, weight quantizer, weight bits, membrane quantizer, membrane bits, reset, time steps.
SETTINGS = (
    ("mnist", "ternary", 2, "stacked", 1.58, "hard", 4),
    ("mnist", "uniform", 4, "stacked", 4, "soft", 4),
    ("mnist", "uniform", 8, "stacked", 8, "hard", 2),
    ("mnist", "mint", 4, "shared_scale", 4, "soft", 4),
    ("mnist", "power_of_two", 4, "threshold_centred", 3, "hard", 3),
    ("fashion_mnist", "ternary", 2, "stacked", 1.58, "hard", 4),
    ("fashion_mnist", "sawb", 4, "stacked", 1.58, "hard", 4),
    ("n_mnist", "ternary", 2, "stacked", 1.58, "hard", 6),
    ("n_mnist", "uniform", 4, "stacked", 3, "soft", 6),
)
#: The same, by rounded constants.
FIXED_POINT_SETTINGS = (
    ("mnist", "ternary", 2, "stacked", 1.58, "hard", 4),
    ("mnist", "uniform", 4, "stacked", 4, "soft", 4),
)
HEADS = (
    *("data set", "weights", "membrane", "reset", "T", "samples", "spike decisions", "test accuracy"),
    *("measured: different", "as trained: different", "codes", "fires by"),
)
COUNTS = ("spikes", "levels", "predictions")
INTRODUCTION = """\
# Integer-only inference against the trained network

Made by `python benchmarks/integer_inference.py`; every sample of the test split, one seed, `spiking_cnn`, fine-tuned
for {epochs} epochs from the float network of the ready study (a subset of the images in each epoch on MNIST and
Fashion-MNIST; of N-MNIST's 60,000 training and 10,000 test recordings only the first 1,000 and the first 100).
Accuracies are those of short runs.
Machine: {machine}, one thread.

Differing spikes / stored levels / predictions; "measured" is the network whose accuracy a study reports, "as trained"
the one with float weights and batch norm, where a sum may round to the other side of a threshold. Neurons fire by
tables of thresholds, or by two rounded constants a channel and one threshold; the weights were trained further under
these constants, for as many epochs again, and the float network with them is the one compared.

"""


Setting = tuple[Any, ...]
Row = dict[str, Any]


def name_of(setting: Setting, fixed_point: bool) -> str:
    return " ".join(str(part) for part in (*setting, *(["fixed_point"] if fixed_point else [])))


def name_of_row(row: Row) -> str:
    return name_of(tuple(row["setting"]), row.get("fixed_point", False))


def trained(setting: Setting, data_root: str, epochs: int) -> TrainedTrial:
    """The network of one setting; its ``samples`` are the test split."""
    study_name, quantizer, bits, membrane, membrane_bits, reset, steps = setting
    study = load_study(
        study_name,
        [
            *(f'method.weight_quantizer="{quantizer}"', f'method.membrane_quantizer="{membrane}"'),
            *(f'method.lif.reset="{reset}"', f"space.time_steps={steps}", f"training.epochs={epochs}"),
            *('method.pruning="none"', "space.pruning_ratio=0", f"space.weight_bits={bits}"),
        ],
    )
    workload = trace_study(study, data_root)
    asked = Configuration.uniform(workload, weight_bits=bits, membrane_bits=membrane_bits, time_steps=steps)
    network, realised, _ = trained_network(Job(study, asked, seed=0, trial=0, data_root=data_root))
    dataset = data_of(study, data_root, steps)
    shown = (dataset.input_shape, dataset.classes, dataset.test)
    return TrainedTrial(study, network, realised, *shown, *training_of(study, data_root, steps), 0)


def measure(setting: Setting, fixed_point: bool, data_root: str, epochs: int) -> Row:
    """Both networks of one setting over the whole test split."""
    trial = trained(setting, data_root, epochs)
    if fixed_point:
        exact = with_fixed_point(trial)
        compared = {"measured": exact}
    else:
        exact = copy.deepcopy(trial.network)
        make_exact(exact, InputCodes.of(trial.samples))
        compared = {"measured": exact, "as_trained": trial.network}
    integers = IntegerNetwork.of(exact, trial.input_shape, tables=not fixed_point)
    differences = {form: asdict(compare(network, integers, trial.samples)) for form, network in compared.items()}
    started = time.process_time()  # other programs may run beside this one
    predicted = integers.predictions(trial.samples.inputs.numpy())
    seconds = time.process_time() - started
    right = int((predicted == trial.samples.targets.numpy()).sum())
    return {
        "setting": list(setting),
        "fixed_point": fixed_point,
        "epochs": epochs,
        "accuracy": right / len(trial.samples),
        **differences,
        "samples_per_second": len(trial.samples) / seconds,
        "bytes": packed_bytes(trial),
        "bytes_of_constants": 0 if not fixed_point else constant_bytes(integers),
        "machine": f"{platform.machine()}, torch {torch.__version__}",
    }


def packed_bytes(trial: TrainedTrial) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        PACKED.write(trial, Path(folder))
        return PACKED.memory(Path(folder), {})


def constant_bytes(integers: IntegerNetwork) -> int:
    """What the constants take in the smallest types that hold them, as the fixed-point format stores them."""
    firings = [stage.firing for stage in integers.stages if isinstance(stage.firing, FixedPoint)]
    return sum(smallest_type(part).nbytes for firing in firings for part in (firing.gain, firing.offset))


def page(rows: list[Row]) -> Iterator[str]:
    yield from INTRODUCTION.format(epochs=rows[0]["epochs"], machine=rows[0]["machine"]).splitlines()
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for row in rows:
        study, quantizer, bits, membrane, membrane_bits, reset, steps = row["setting"]
        counts = [
            " / ".join(f"{row[form][name]:,}" for name in COUNTS) if form in row else ""
            for form in ("measured", "as_trained")
        ]
        fires_by = "constants" if row.get("fixed_point") else "tables"
        taken = row["bytes_of_constants"] if row.get("fixed_point") else row["bytes"]["threshold tables"]
        cells = [study, f"{quantizer}, {bits} bit", f"{membrane}, {membrane_bits} bit", reset, str(steps)]
        cells += [
            f"{row['measured']['samples']:,}",
            f"{row['measured']['decisions']:,}",
            f"{row['accuracy']:.4f}",
            *counts,
        ]
        # Training on under the constants moves weights between codes, so that they pack differently.
        codes = "" if row.get("fixed_point") else f"{row['bytes']['weight codes']:,} B"
        cells += [codes, f"{fires_by}, {taken:,} B"]
        yield "| " + " | ".join(cells) + " |"
    total = sum(row["measured"]["decisions"] for row in rows)
    differing = sum(row["measured"][name] for row in rows for name in COUNTS)
    yield ""
    yield f"In all {total:,} spike decisions of measured networks, {differing} differences."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--only", default="", help="settings whose words contain this text")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    record = arguments.results / "integer_inference.jsonl"
    rows = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    done = {name_of_row(row) for row in rows}
    settings = [(one, False) for one in SETTINGS] + [(one, True) for one in FIXED_POINT_SETTINGS]
    for setting, fixed_point in settings:
        name = name_of(setting, fixed_point)
        if name in done or arguments.only not in name:
            continue
        with one_thread():
            rows.append(measure(setting, fixed_point, arguments.data_root, arguments.epochs))
        with record.open("a") as stream:
            stream.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    order = {name_of(*one): number for number, one in enumerate(settings)}
    rows.sort(key=lambda row: order.get(name_of_row(row), len(order)))
    (arguments.results / "integer_inference.md").write_text("\n".join(page(rows)) + "\n")


if __name__ == "__main__":
    main()
