"""SpQuant-SNN on real data: trains every row of the table that is not measured yet, then writes the page.

    python benchmarks/spquant_table.py --data-root ~/data

Each finished network is one line of ``docs/results/spquant.jsonl``; the same command goes on where it stopped. Every
row of a (data set, split, seed) starts from the same float network and is trained further for the same epochs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import platformdirs
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.spquant_channels import keep_channels
from benchmarks.spquant_page import write_page
from benchmarks.spquant_peers import MintNeuron, SnnTorchNeuron, share_mint_scales
from benchmarks.spquant_protocol import FOLDS, PROTOCOLS
from benchmarks.spquant_rows import ABLATIONS, FLOAT, MAIN, PEERS, UNPRUNED, W2_ENDS, Row
from cost_models import Configuration, LayerBudget, Workload
from dse.allocator import keep_freed_memory
from dse.compression import compress, layer_neurons, layer_weights, settle
from dse.datasets import Samples, load_dataset
from dse.datasets.dataset import stratified_split
from dse.measurement import measure_densities
from dse.networks import build_network
from dse.neurons import LIF
from dse.pruning import NoPruning, SpatialChannelPruning
from dse.quantizers import WEIGHT_QUANTIZERS, TernaryQuantizer
from dse.tasks import TRAINING_LOSSES
from dse.trace import trace
from dse.training import one_thread, seeded, train

RESULTS = Path(__file__).parent.parent / "docs" / "results"


@dataclass(frozen=True, slots=True)
class Case:
    """One network to train; ``fold`` is the part that is tested on, 0 where there is a test set."""

    dataset: str
    fold: int
    seed: int
    row: Row

    @property
    def key(self) -> str:
        """What stands in the results for it."""
        return f"{self.dataset}/{self.fold}/{self.seed}/{self.row.name}"


def cases() -> Iterator[Case]:
    """Every network of the table, the most important first."""
    seeds = [("fashion_mnist", 0, seed) for seed in range(3)]
    folds = [("n_mnist", fold, 0) for fold in range(FOLDS)]
    *_, ternary, mixed = MAIN["fashion_mnist"]
    plan = (
        (seeds, (FLOAT, mixed)),
        (folds, (FLOAT, *(row for row in MAIN["n_mnist"] if row.kept))),
        (folds, (W2_ENDS, *PEERS)),
        (seeds, (ternary, W2_ENDS)),
        ([*seeds, *folds], UNPRUNED[1:3]),
        ([("mnist", 0, seed) for seed in range(3)], MAIN["mnist"]),
        *((folds, (row,)) for row in ABLATIONS),
    )
    for parts, rows in plan:
        yield from (Case(*part, row) for part in parts for row in rows)


def shifted(samples: Samples, copies: int, seed: int) -> Samples:
    """``copies`` of event frames (N, T, 2, H, W), each moved by up to two pixels; what leaves the frame is lost."""
    if copies == 1:
        return samples
    frames, generator = samples.inputs, torch.Generator().manual_seed(seed)
    padded = nn.functional.pad(frames, (2, 2, 2, 2))
    height, width = frames.shape[-2:]
    places = torch.randint(0, 5, (copies, len(frames), 2), generator=generator).tolist()
    moved = [padded[index, ..., y : y + height, x : x + width] for copy in places for index, (y, x) in enumerate(copy)]
    return Samples(
        torch.stack(moved), samples.targets.repeat(copies), full_scale=samples.full_scale, temporal=samples.temporal
    )


def split(case: Case, data_root: str) -> tuple[Samples, Samples]:
    """What is trained on, and what is measured on: the test set, or one of five folds over all N-MNIST recordings."""
    dataset = load_dataset(case.dataset, data_root, time_steps=PROTOCOLS[case.dataset].time_steps)
    if not dataset.temporal:
        return dataset.train, dataset.test
    whole = Samples(
        torch.cat([dataset.train.inputs, dataset.test.inputs]),
        torch.cat([dataset.train.targets, dataset.test.targets]),
        full_scale=dataset.train.full_scale,
        temporal=True,
    )
    folds = _folds(whole.targets)
    training = torch.cat([part for number, part in enumerate(folds) if number != case.fold])
    return shifted(whole.subset(training), PROTOCOLS[case.dataset].copies, case.seed), whole.subset(folds[case.fold])


def _folds(targets: torch.Tensor) -> list[torch.Tensor]:
    """Five stratified parts of all recordings, the same for every seed."""
    left, folds = torch.arange(len(targets)), []
    for number in range(FOLDS - 1):
        keep, part = stratified_split(targets[left], len(targets) // FOLDS, number)
        folds.append(left[part])
        left = left[keep]
    return [*folds, left]


def network_of(case: Case, shape: tuple[int, ...]) -> nn.Module:
    """The untrained network with the row's neurons."""
    row = case.row
    neurons = {"snntorch": SnnTorchNeuron, "mint": MintNeuron}
    neuron = neurons.get(row.peer) or partial(LIF, surrogate=row.surrogate, learn_threshold=row.learn_threshold)
    with seeded(case.seed):
        return build_network("spiking_cnn", shape, 10, neuron=neuron, time_steps=PROTOCOLS[case.dataset].time_steps)


def start(case: Case, training: Samples, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """The trained float network from which every row of this data set, fold and seed starts; kept in a cache."""
    protocol = PROTOCOLS[case.dataset]
    settings = case.dataset, protocol.time_steps, protocol.start, protocol.copies
    stamp = hashlib.sha256(repr((*settings, case.fold, case.seed, torch.__version__)).encode()).hexdigest()[:16]
    path = Path(platformdirs.user_cache_dir("spikefront")) / "spquant_table" / f"{stamp}.safetensors"
    if not path.exists():
        network = network_of(replace(case, row=FLOAT), shape)
        train(network, training, protocol.start, loss=TRAINING_LOSSES["tet"](), seed=case.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), path)
    return load_file(path)


def configuration_of(row: Row, workload: Workload, time_steps: int) -> Configuration:
    """The row's widths; channels that it loses are gone from the workload already."""
    return Configuration(
        tuple(
            LayerBudget(layer.name, 0.0, row.bits[layer.name], row.membrane if layer.neurons else None, "channel")
            for layer in workload.compressible
        ),
        time_steps,
    )


def without_channels(case: Case, network: nn.Module, training: Samples, shape: tuple[int, ...]) -> dict[str, float]:
    """Take the row's channels out, train what is left as a float network; gives the share that each layer lost."""
    row, protocol = case.row, PROTOCOLS[case.dataset]
    whole = trace(network, shape, temporal=training.temporal)
    if row.kept:
        keep_channels(network, whole, row.kept)
        train(
            network, training, protocol.without_channels(row.rate), loss=TRAINING_LOSSES["tet"](), seed=case.seed + 1000
        )
    return {layer.name: 1.0 - row.kept.get(layer.name, layer.channels) / layer.channels for layer in whole.compressible}


def compressed(case: Case, network: nn.Module, workload: Workload) -> SpatialChannelPruning | NoPruning:
    """Round the network as the row says, in place; gives the method that holds its membrane masks."""
    row = case.row
    configuration = configuration_of(row, workload, PROTOCOLS[case.dataset].time_steps)
    method = SpatialChannelPruning(membrane_mask=row.membrane_mask) if not row.peer else NoPruning()
    name = row.weight_quantizer
    quantizer = TernaryQuantizer("mean") if name == "ternary_mean" else WEIGHT_QUANTIZERS[name]()
    if row.peer == "mint":  # rounds its weights itself
        budgets = tuple(replace(budget, weight_bits=32) for budget in configuration.budgets)
        configuration = replace(configuration, budgets=budgets)
    compress(network, workload, configuration, method, quantizer, row.membrane_quantizer)
    if row.peer == "mint":
        modules = {name: weight.module for name, weight in layer_weights(network, workload).items()}
        share_mint_scales(modules, layer_neurons(network, workload), row.bits)
    return method


def measure(case: Case, data_root: str) -> dict[str, object]:
    """Train one network and measure it on its test part: plain values for one line of the results."""
    row, protocol = case.row, PROTOCOLS[case.dataset]
    training, test = split(case, data_root)
    shape = training.shape[1:] if training.temporal else training.shape
    began = time.perf_counter()
    state = start(case, training, shape)
    started = time.perf_counter()
    network = network_of(case, shape)
    network.load_state_dict(state, strict=False)
    lost = without_channels(case, network, training, shape)
    workload = trace(network, shape, temporal=training.temporal)
    method = compressed(case, network, workload)
    schedule = protocol.further(row.rate, pruned=bool(row.kept))
    train(network, training, schedule, loss=TRAINING_LOSSES["tet"](), seed=case.seed + 2000, method=method)
    realised = settle(network, workload, configuration_of(row, workload, protocol.time_steps), method)
    measured, outputs = measure_densities(network, workload, realised, test)
    right = int((outputs.argmax(1) == test.targets).sum())
    return {
        "key": case.key,
        "dataset": case.dataset,
        "fold": case.fold,
        "seed": case.seed,
        "row": row.name,
        "right": right,
        "samples": len(test),
        "trained_on": len(training),
        "input_density": {layer.name: layer.input_density for layer in measured.compressible},
        "output_density": {layer.name: layer.output_density for layer in measured.compressible},
        "pruning_ratio": lost,
        "start_seconds": round(started - began, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "torch": torch.__version__,
    }


def main() -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True, help="folder with mnist, fashion-mnist and n-mnist")
    parser.add_argument("--results", type=Path, default=RESULTS / "spquant.jsonl")
    parser.add_argument("--page", type=Path, default=RESULTS / "spquant.md")
    parser.add_argument("--minutes", type=float, default=None, help="start no network after this time")
    parser.add_argument("--only", default="", help="only keys that start with this text, such as n_mnist/0/")
    parser.add_argument("--page-only", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    keep_freed_memory()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    for case in cases():
        done = {line["key"] for line in read(arguments.results)}
        late = arguments.minutes is not None and time.perf_counter() - began > 60 * arguments.minutes
        if arguments.page_only or late or case.key in done or not case.key.startswith(arguments.only):
            continue
        with one_thread():
            line = measure(case, arguments.data_root)
        with arguments.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{case.key}: {line['right']}/{line['samples']} in {line['seconds']} s", flush=True)
    write_page(read(arguments.results), {case.key for case in cases()}, arguments.page)


def read(path: Path) -> list[dict[str, object]]:
    """The lines that are there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
