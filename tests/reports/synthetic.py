"""Made-up results of a study, built from the domain types alone: no training, no store, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cost_models import Configuration, CostReport, Layer, LayerBudget, LayerCost, Totals, Workload
from studies.design_space import Choices, DesignSpace
from studies.evaluation import Evaluation, Measurement, State
from studies.pareto import FrontSnapshot, ParetoFront, reference_point
from studies.results import StudyResults
from studies.study import Objectives, Search, Study, Task

RATIOS = tuple(round(0.05 * step, 2) for step in range(20))
BITS = (2, 3, 4, 6, 8)
LAYERS = ("conv1", "conv2", "fc1", "fc2")
WEIGHTS = (144, 4608, 16384, 1280)
NEURONS = (1024, 2048, 128, 0)


def layer_names(count: int) -> tuple[str, ...]:
    """``count`` names: the small network's own four, or the paths of a deep one."""
    return (
        LAYERS if count == len(LAYERS) else tuple(f"backbone.stage{i // 10}.block{i % 10}.conv" for i in range(count))
    )


def study(
    name: str = "digits-snn",
    *,
    objectives: Objectives | None = None,
    constraints: dict[str, float] | None = None,
    trials: int = 60,
) -> Study:
    """A study over pruning ratios, bit widths and time steps."""
    space = DesignSpace(Choices(RATIOS), Choices(BITS), Choices(BITS), Choices(tuple(range(1, 9))))
    return Study(
        name,
        Task(),
        space=space,
        objectives=objectives or Objectives(),
        constraints=constraints or {},
        search=Search(trials=trials),
    )


def workload(layers: Sequence[str] = LAYERS, *, spiking: bool = True) -> Workload:
    """Linear layers with the synthetic network's weights and neurons."""
    return Workload(
        "spiking_cnn",
        (1, 8, 8),
        tuple(
            Layer(name, "linear", (WEIGHTS[i % 4] // 16, 16), neurons=NEURONS[i % 4] if spiking else 0)
            for i, name in enumerate(layers)
        ),
    )


def cost_of(configuration: Configuration, work: Workload, rate: float = 0.15) -> CostReport:
    """A plausible cost, not a model of any hardware: the numbers only have to differ and to add up."""
    steps = configuration.time_steps
    layers = []
    for budget, layer in zip(configuration.budgets, work.layers, strict=True):
        kept = round(layer.weights * (1 - budget.pruning_ratio))
        sparse = 1 - budget.pruning_ratio < budget.weight_bits / (budget.weight_bits + 4)
        operations = kept * (rate if layer.neurons else 1.0) * steps
        layers.append(
            LayerCost(
                layer.name,
                layer.kind,
                macs_dense=float(layer.weights * steps),
                synops=operations,
                parameters=layer.weights,
                parameters_kept=kept,
                neurons=layer.neurons,
                pruning_ratio=budget.pruning_ratio,
                weight_bits=budget.weight_bits,
                membrane_bits=budget.membrane_bits,
                storage_format="relative index" if sparse else "dense",
                weight_memory_bytes=(kept if sparse else layer.weights) * budget.weight_bits / 8,
                index_memory_bytes=kept * 0.5 if sparse else 0.0,
                membrane_memory_bytes=layer.neurons * (budget.membrane_bits or 0) / 8,
                break_even_pruning_ratio=None if layer.weights < 200 else 4 / (budget.weight_bits + 4) * 0.7,
                energy_joules=operations * 0.9e-12 * (budget.weight_bits + 4) / 8 + layer.neurons * steps * 2e-13,
                latency_seconds=operations * 1e-9,
            )
        )
    names = set(Totals.__dataclass_fields__) - {"memory_bytes"}
    sums = {name: sum(getattr(layer, name) for layer in layers) for name in names}
    memory = sum(sums[f"{part}_memory_bytes"] for part in ("weight", "index", "membrane"))
    return CostReport("spiking_cnn", "edge_asic_45nm", steps, tuple(layers), Totals(memory_bytes=memory, **sums))


def evaluation(
    trial: int | None,
    configuration: Configuration,
    work: Workload,
    accuracy: float,
    *,
    test: Sequence[float] = (),
    recalls: Sequence[float] = (),
) -> Evaluation:
    """A complete evaluation with validation accuracy, test accuracies by seed and recalls by class."""
    measurements = [Measurement("validation", "accuracy", 0, accuracy)]
    measurements += [Measurement("test", "accuracy", seed, value) for seed, value in enumerate(test)]
    measurements += [Measurement("test", f"recall/{name}", 0, value) for name, value in enumerate(recalls)]
    cost = cost_of(configuration, work)
    return Evaluation(trial, 0, State.COMPLETE, configuration, {}, configuration, work, cost, tuple(measurements))


def _accuracy(configuration: Configuration, noise: random.Random) -> float:
    strain = sum(
        3 ** (-(budget.weight_bits - 1))
        + max(0.0, budget.pruning_ratio - 0.5) ** 2
        + 2.0 ** -(budget.membrane_bits or 9)
        for budget in configuration.budgets
    ) / len(configuration.budgets)
    strain += 0.04 / configuration.time_steps + abs(noise.gauss(0, 0.008))
    return round(1 - 0.008 - 0.9 * (1 - math.exp(-1.6 * strain**1.5)) - 0.02 * strain, 4)


def trained(
    trial: int, work: Workload, noise: random.Random, *, tested: bool = True, classes: int = 0, spiking: bool = True
) -> Evaluation:
    """A complete trial with a random configuration."""
    depth = noise.random()
    budgets = tuple(
        LayerBudget(
            layer.name,
            RATIOS[min(19, round(19 * depth * noise.uniform(0.6, 1.2)))],
            noise.choice(BITS),
            noise.choice(BITS) if layer.neurons and spiking else None,
        )
        for layer in work.layers
    )
    configuration = Configuration(budgets, noise.randint(1, 8) if spiking else 1)
    accuracy = _accuracy(configuration, noise)
    test = [min(1.0, accuracy - 0.004 + noise.gauss(0, 0.003)) for _ in range(3)] if tested else []
    recalls = [min(1.0, max(0.0, accuracy + noise.gauss(0, 0.02))) for _ in range(classes)]
    return evaluation(trial, configuration, work, accuracy, test=test, recalls=recalls)


def results(
    *,
    name: str = "digits-snn",
    trials: int = 60,
    layers: int | Sequence[str] = 4,
    spiking: bool = True,
    tested: bool = True,
    baseline: bool = True,
    classes: int = 0,
    failed: int = 0,
    skipped: int = 0,
    reason: str = "TrainingDiverged: the loss is not a number in epoch 2",
    objectives: Objectives | None = None,
    constraints: dict[str, float] | None = None,
    seed: int = 0,
) -> StudyResults:
    """The results of a study with ``trials`` complete trials, then failed, then skipped ones."""
    noise = random.Random(seed)
    asked = study(name, objectives=objectives, constraints=constraints, trials=max(trials, 1))
    work = workload(layer_names(layers) if isinstance(layers, int) else layers, spiking=spiking)
    evaluations = [
        trained(trial, work, noise, tested=tested, classes=classes, spiking=spiking) for trial in range(trials)
    ]
    dense = Configuration.uniform(work, time_steps=4 if spiking else 1)
    base = evaluation(None, dense, work, 0.9925, test=[0.9889] if tested else [], recalls=[0.985] * classes)
    for number in range(failed):
        evaluations.append(Evaluation(trials + number, 0, State.FAILED, dense, reason=reason))
    for number in range(skipped):
        why = f"memory_bytes is {70 + number}.5 KiB, over the limit of 64 KiB"
        evaluations.append(Evaluation(trials + failed + number, 0, State.SKIPPED, dense, reason=why))
    return StudyResults(
        study=asked,
        baseline=base if baseline else None,
        evaluations=tuple(evaluations),
        fronts=snapshots(evaluations, asked, base if baseline else None),
        created=datetime(2026, 11, 24, 0, 12, 3, tzinfo=UTC),
        versions={"spikefront": "0.1.0", "optuna": "5.0.0", "torch": "2.13.0", "python": "3.11.7"},
    )


def snapshots(evaluations: list[Evaluation], asked: Study, base: Evaluation | None) -> tuple[FrontSnapshot, ...]:
    """The front after each finished trial, as a store would have kept it."""
    complete = [one for one in evaluations if one.state is State.COMPLETE]
    found = []
    for finished in range(1, len(complete) + 1):
        front = ParetoFront.of(complete[:finished], asked.objectives, asked.constraints)
        point = reference_point(base, asked.objectives) if base else ()
        volume = front.hypervolume(point) if base else None
        found.append(FrontSnapshot(finished, volume, point, front.trials))
    return tuple(found)


def with_front_of(one: StudyResults, count: int) -> StudyResults:
    """The same results with only the first ``count`` members of the front among the trials."""
    return replace(one, evaluations=tuple(one.front.members[:count]), fronts=())


def with_norms(one: StudyResults) -> StudyResults:
    """The same results with two norms in every network: layers that cost memory, energy and time, but have no budget.

    A norm costs 100 bytes, 2 nJ and 3 us; the totals are given, not summed up.
    """
    norms = [
        LayerCost(name, "norm", weight_memory_bytes=100.0, energy_joules=2e-9, latency_seconds=3e-6)
        for name in ("bn1", "bn2")
    ]

    def normed(trial: Evaluation) -> Evaluation:
        if trial.cost is None:
            return trial
        first, *rest = trial.cost.layers
        total = replace(
            trial.cost.total,
            weight_memory_bytes=trial.cost.total.weight_memory_bytes + 200.0,
            memory_bytes=trial.cost.total.memory_bytes + 200.0,
            energy_joules=trial.cost.total.energy_joules + 4e-9,
            latency_seconds=trial.cost.total.latency_seconds + 6e-6,
        )
        return replace(trial, cost=replace(trial.cost, layers=(first, norms[0], *rest, norms[1]), total=total))

    base = normed(one.baseline) if one.baseline else None
    return replace(one, baseline=base, evaluations=tuple(map(normed, one.evaluations)))
