"""Integer-only inference against the trained float network, on every image of the test split: how much differs.

    python benchmarks/integer_inference.py --data-root DIR [--only TEXT] [--epochs 3] [--results docs/results]

Trains the ready studies' networks under fixed settings, then runs the whole test split twice: through the float network
and through integers alone, comparing each spike, each stored membrane level and each prediction. "measured" is the
network as a study measures it (scales behind integer sums), where the goal is 0; "as trained" is the one with float
weights and batch norm inside the sums, whose rounding is its own. What is in the JSON lines file is not run again; the
page is written from that file.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cost_models import Configuration
from dse.evaluate import Job, data_of, trace_study, trained_network, training_of
from dse.export.export_format import TrainedTrial
from dse.export.packed_format import PACKED
from dse.integer_inference import InputCodes, IntegerNetwork, compare, make_exact
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
HEADS = ("data set", "weights", "membrane", "reset", "T", "samples", "spike decisions", "test accuracy")
COUNTS = ("spikes", "levels", "predictions")
INTRODUCTION = """\
# Integer-only inference against the trained network

Made by `python benchmarks/integer_inference.py`; every sample of the test split, one seed, `spiking_cnn`, fine-tuned
for {epochs} epochs from the float network of the ready study (a subset of the images in each epoch on MNIST and
Fashion-MNIST; N-MNIST where only 1,000 and 100 recordings are at hand). Accuracies are those of short runs.
Machine: {machine}, one thread.

Differing spikes / stored levels / predictions; "measured" is the network whose accuracy a study reports, "as trained"
the one with float weights and batch norm, where a sum may round to the other side of a threshold.

"""


def name_of(setting: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in setting)


def measure(setting: tuple[Any, ...], data_root: str, epochs: int) -> dict[str, Any]:
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
    exact = copy.deepcopy(network)
    make_exact(exact, InputCodes.of(dataset.test))
    integers = IntegerNetwork.of(exact, dataset.input_shape)
    measured = compare(exact, integers, dataset.test)
    as_trained = compare(network, integers, dataset.test)
    started = time.perf_counter()
    predicted = integers.predictions(dataset.test.inputs.numpy())
    seconds = time.perf_counter() - started
    right = int((predicted == dataset.test.targets.numpy()).sum())
    return {
        "setting": list(setting),
        "epochs": epochs,
        "accuracy": right / len(dataset.test),
        "measured": asdict(measured),
        "as_trained": asdict(as_trained),
        "samples_per_second": len(dataset.test) / seconds,
        "bytes": packed_bytes(
            TrainedTrial(
                *(study, network, realised, dataset.input_shape, dataset.classes, dataset.test),
                *(training_of(study, data_root, steps)),
                0,
            )
        ),
        "machine": f"{platform.machine()}, torch {torch.__version__}",
    }


def packed_bytes(trial: TrainedTrial) -> dict[str, int]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        PACKED.write(trial, Path(folder))
        return PACKED.memory(Path(folder), {})


def page(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from INTRODUCTION.format(epochs=rows[0]["epochs"], machine=rows[0]["machine"]).splitlines()
    yield "| " + " | ".join((*HEADS, "measured: different", "as trained: different", "codes", "thresholds")) + " |"
    yield "|" + "---|" * (len(HEADS) + 4)
    for row in rows:
        study, quantizer, bits, membrane, membrane_bits, reset, steps = row["setting"]
        counts = [" / ".join(f"{row[form][name]:,}" for name in COUNTS) for form in ("measured", "as_trained")]
        cells = [study, f"{quantizer}, {bits} bit", f"{membrane}, {membrane_bits} bit", reset, str(steps)]
        cells += [
            f"{row['measured']['samples']:,}",
            f"{row['measured']['decisions']:,}",
            f"{row['accuracy']:.4f}",
            *counts,
        ]
        cells += [f"{row['bytes']['weight codes']:,} B", f"{row['bytes']['threshold tables']:,} B"]
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
    done = {name_of(tuple(row["setting"])) for row in rows}
    for setting in SETTINGS:
        if name_of(setting) in done or arguments.only not in name_of(setting):
            continue
        with one_thread():
            rows.append(measure(setting, arguments.data_root, arguments.epochs))
        with record.open("a") as stream:
            stream.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    order = {name_of(setting): number for number, setting in enumerate(SETTINGS)}
    rows.sort(key=lambda row: order.get(name_of(tuple(row["setting"])), len(order)))
    (arguments.results / "integer_inference.md").write_text("\n".join(page(rows)) + "\n")


if __name__ == "__main__":
    main()
