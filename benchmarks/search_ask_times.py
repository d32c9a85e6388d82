"""Seconds that the known-cost sampler takes for one proposal, against layers and finished trials."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from landscapes import CHANCE, Landscape, Network, additive

from cost_models import Layer, Workload, estimate, load_hardware
from dse.search.known_cost import KnownCostSampler
from dse.search.known_cost.problem import Problem
from dse.search.limits import CostGate
from dse.search.proposer import Proposer
from dse.search.suggest import SearchSpace
from studies import Choices, DesignSpace, Evaluation, Measurement, Search, State, Study

RESULTS = Path(__file__).parent / "data" / "search_ask_times.json"
LAYERS, TRIALS = (8, 24, 64), (40, 200, 500)
_ASKS = 3


def measure(results: Path = RESULTS) -> None:
    """Write the median processor seconds of three proposals after a first one, for each number of layers and trials."""
    formulas = {f"{layers} {trials}": _with_formulas(layers, trials) for layers in LAYERS for trials in TRIALS}
    tool = {f"{layers} {trials}": _in_the_tool(layers, trials) for layers in LAYERS for trials in TRIALS}
    results.write_text(json.dumps({"formulas": formulas, "tool": tool}, indent=1) + "\n")


def table(results: Path = RESULTS) -> Iterator[str]:
    """The lines of the page."""
    yield "## Processor seconds for one proposal"
    yield ""
    if not results.exists():
        yield "Not measured."
        yield ""
        return
    found = json.loads(results.read_text())
    yield (
        f"One thread; median of {_ASKS} proposals after a first one, two parameters for each layer and the time steps. "
        "Left: the sampler alone, costs are formulas. Right: all that `dse run` does for a proposal (its cost model "
        "with spike rates predicted from the finished trials)."
    )
    yield ""
    lines = ["| layers | " + " | ".join(f"{kind}, {n}" for kind in ("alone", "dse run") for n in TRIALS) + " |"]
    lines.append("|---" * (1 + 2 * len(TRIALS)) + "|")
    for layers in LAYERS:
        seconds = [found[kind][f"{layers} {n}"] for kind in ("formulas", "tool") for n in TRIALS]
        lines.append(f"| {layers} | " + " | ".join(f"{value:.2f}" for value in seconds) + " |")
    yield from lines
    yield ""


def _with_formulas(layers: int, trials: int) -> float:
    """Through Optuna's ``ask``, with costs that are formulas."""
    landscape = Landscape("asked", Network(layers, 9), additive, 0.08, 0.005, about="")
    known = {1: landscape.memory, 2: landscape.operations}
    problem = Problem.of(landscape.space, known, {1: 1.0, 2: 1.0}, landscape.limits)
    sampler = KnownCostSampler(landscape.space, known, landscape.limits, 0, chance=CHANCE)
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    generator = np.random.default_rng(0)

    def values(params: Mapping[str, Any]) -> list[float]:
        columns = {name: np.array([value]) for name, value in params.items()}
        reading = landscape.reading(columns, generator)
        return [float(v[0]) for v in (reading, landscape.memory(columns), landscape.operations(columns))]

    rows = problem.axes.random(trials, generator)
    for row in problem.repaired(rows, generator.exponential(size=rows.shape) + 0.02):
        params = problem.axes.choices(row)
        trial = optuna.trial.create_trial(params=params, distributions=landscape.space, values=values(params))
        study.add_trial(trial)
    seconds = []
    for _ in range(1 + _ASKS):
        started = time.process_time()
        asked = study.ask(landscape.space)
        seconds.append(time.process_time() - started)
        study.tell(asked, values(asked.params))
    return round(statistics.median(seconds[1:]), 4)


def _in_the_tool(layers: int, trials: int) -> float:
    """Through the tool's own proposer, with its cost model, its gate and its forecast of spike rates."""
    workload = _workload(layers)
    ratios, bits = Choices((0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)), Choices((2, 3, 4, 6, 8))
    space = DesignSpace(ratios, bits, Choices((4,)), Choices((1, 2, 4, 8)))
    limits = {"memory_bytes": 0.1 * 4.0 * sum(layer.weights for layer in workload.compressible)}
    study = Study("asked", space=space, constraints=limits, search=Search(trials=trials + _ASKS + 1))
    searched = SearchSpace.of(space, workload)
    gate = CostGate(searched, workload, load_hardware(study.hardware), limits)
    proposer, generator = Proposer(study, gate), np.random.default_rng(0)

    def finished(number: int, choices: Mapping[str, Any]) -> Evaluation:
        rates = {layer.name: float(generator.uniform(0.05, 0.3)) for layer in workload.layers if layer.spiking_input}
        told, configuration = workload.with_densities(rates), searched.configuration(choices)
        return Evaluation(
            trial=number,
            seed=0,
            state=State.COMPLETE,
            asked=configuration,
            choices=choices,
            realised=configuration,
            workload=told,
            cost=estimate(told, configuration, gate.hardware),
            measurements=(Measurement("validation", "accuracy", 0, float(generator.uniform(0.5, 0.9))),),
        )

    rows = searched.random_rows(8 * trials, generator)
    for number, row in enumerate(rows[gate.fits(rows)][:trials]):
        proposer.add(finished(number, searched.choices(row)))
    seconds = []
    for number in range(trials, trials + _ASKS + 1):
        started = time.process_time()
        asked = proposer.ask(number)
        seconds.append(time.process_time() - started)
        proposer.tell(finished(number, asked.choices))
    return round(statistics.median(seconds[1:]), 4)


def _workload(layers: int) -> Workload:
    """A chain of spiking 3x3 convolutions of 32 channels on 8x8 maps."""
    shape = (32, 8, 8)
    chain = [
        Layer(f"conv{n}", "conv", (32, 32, 3, 3), 64, shape, shape, neurons=2048, spiking_input=True, input_density=0.2)
        for n in range(layers)
    ]
    return Workload("chain", shape, tuple(chain))
