"""Trains every configuration of a small space, so that searches can be replayed: ``data/trained_grid.toml``.

Run: ``python benchmarks/trained_table.py [--output FILE] [--seconds S]``; the same command goes on where it stopped.
Each line of the result is one training through the tool's own :func:`dse.evaluate.evaluate`: the chosen values by
parameter, the accuracy on the validation split after each epoch (``curve``; the last one is that of the finished
network), its memory and energy, the measured input density of each layer, and the seconds it took. The first line is
the uncompressed network.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import dse.evaluate
from cost_models import Configuration, Registry
from dse.datasets import Samples, load_dataset, split_train_validation
from dse.evaluate import Job
from dse.pruning import PRUNING_METHODS, LayerWeight, MagnitudePruning, Progress
from dse.search.seeds import derive_seed
from dse.search.sensitivities import probed_sensitivities, sensitivities_of
from dse.search.suggest import SearchSpace
from studies import Evaluation, Study, load_study

DATA = Path(__file__).parent / "data"
GRID = DATA / "trained_grid.toml"
TABLE = DATA / "trained_table.jsonl"


class Watched(MagnitudePruning):
    """Magnitude pruning that writes down the validation accuracy at the end of each epoch but the last."""

    samples: Samples
    curve: tuple[float, ...] = ()

    def attach(self, network: nn.Module, layers: Mapping[str, LayerWeight], configuration: Configuration) -> None:
        super().attach(network, layers, configuration)
        self._network = network
        Watched.curve = ()

    def update(self, progress: Progress) -> None:
        if progress.step and progress.step % progress.steps_per_epoch == 0:  # the optimiser has not moved yet
            Watched.curve += (self._accuracy(),)
        super().update(progress)

    def _accuracy(self) -> float:
        samples = Watched.samples
        self._network.eval()
        with torch.no_grad():
            outputs = self._network(samples.normalised(slice(None)))
        self._network.train()
        return float((outputs.argmax(1) == samples.targets).float().mean())


def grid(space: SearchSpace, seed: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every configuration of the space in random order, with its place in the ordered list."""
    rows = np.array(list(itertools.product(*(range(len(p.values)) for p in space.free))), dtype=np.intp)
    for number in np.random.default_rng(seed).permutation(len(rows)).tolist():
        yield number, space.choices(rows[number])


def line(number: int | None, choices: Mapping[str, Any], found: Evaluation, curve: tuple[float, ...]) -> dict[str, Any]:
    assert found.cost is not None, found.reason
    assert found.workload is not None
    return {
        "number": number,
        "choices": choices,
        "curve": [round(value, 5) for value in (*curve, found.value("validation") or 0.0)],
        "memory_bytes": round(found.cost.total.memory_bytes, 2),
        "energy_joules": float(f"{found.cost.total.energy_joules:.6g}"),
        "densities": {
            layer.name: round(layer.input_density, 5) for layer in found.workload.layers if layer.spiking_input
        },
        "seconds": round(found.seconds, 2),
    }


def uncompressed(study: Study) -> dict[str, Any]:
    found = dse.evaluate.baseline(study)
    probed = replace(found, measurements=probed_sensitivities(study, found))
    sensitivities = {name: round(value, 4) for name, value in sensitivities_of(probed).items()}
    return {**line(None, {}, found, ()), "sensitivities": sensitivities}


def train_all(study: Study, output: Path, seconds: float) -> None:
    started = time.monotonic()
    done = {json.loads(text)["number"] for text in output.read_text().splitlines()} if output.exists() else set()
    dataset = load_dataset(study.task.dataset)
    _, Watched.samples = split_train_validation(dataset, study.training.validation_fraction, study.seed)
    dse.evaluate.PRUNING_METHODS = Registry("pruning method", {**PRUNING_METHODS, "magnitude": Watched})
    space = SearchSpace.of(study.space, dse.evaluate.trace_study(study))
    with output.open("a") as file:
        if None not in done:
            print(json.dumps(uncompressed(study)), file=file, flush=True)
        for number, choices in grid(space, study.seed):
            if number in done:
                continue
            if time.monotonic() - started > seconds:
                return
            job = Job(study, space.configuration(choices), derive_seed(study.seed, "training", number), number)
            print(json.dumps(line(number, choices, dse.evaluate.evaluate(job), Watched.curve)), file=file, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=TABLE)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time; run again to go on")
    options = parser.parse_args()
    train_all(load_study(GRID), options.output, options.seconds)


if __name__ == "__main__":
    main()
