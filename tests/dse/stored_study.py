"""A stored study for the tests of the command line: made-up trainings, real costs, no torch."""

from __future__ import annotations

import random
from dataclasses import replace

from cost_models import Configuration, Layer, LayerBudget, Workload, estimate, load_hardware
from studies import Evaluation, FrontSnapshot, Measurement, ParetoFront, State, Study, StudyStore
from studies.study import Search, Task

LAYERS = ("conv1", "odd.name[0]", "fc")
WORKLOAD = Workload(
    "tiny",
    (1, 8, 8),
    (
        Layer("conv1", "conv", (8, 1, 3, 3), positions=64, neurons=512, static_input=True),
        Layer(
            "odd.name[0]", "linear", (32, 128), neurons=32, spiking_input=True, input_density=0.12, other_parameters=32
        ),
        Layer("fc", "linear", (10, 32), spiking_input=True, input_density=0.2, other_parameters=10),
    ),
)
HARDWARE = "edge_asic_45nm"


def study(name: str = "digits-snn", trials: int = 20) -> Study:
    """A study over the tiny network."""
    return Study(name, Task("tiny", "digits"), constraints={"memory_bytes": 65536.0}, search=Search(trials=trials))


def baseline() -> Evaluation:
    """The uncompressed tiny network."""
    configuration = Configuration.uniform(WORKLOAD, time_steps=4)
    return complete(None, configuration, 0.99, test=(0.98,))


def complete(
    trial: int | None, configuration: Configuration, accuracy: float, test: tuple[float, ...] = ()
) -> Evaluation:
    """A finished trial with this validation accuracy under seed 7, and test accuracies under seeds from 7 on."""
    measurements = [Measurement("validation", "accuracy", 7, accuracy)]
    measurements += [Measurement("test", "accuracy", 7 + index, value) for index, value in enumerate(test)]
    return Evaluation(
        trial=trial,
        seed=7,
        state=State.COMPLETE,
        asked=configuration,
        realised=configuration,
        workload=WORKLOAD,
        cost=estimate(WORKLOAD, configuration, load_hardware(HARDWARE)),
        measurements=tuple(measurements),
        seconds=1.5,
    )


def trials(count: int = 20) -> list[Evaluation]:
    """Finished trials in which less compression is more accurate; two skipped and one failed trial behind them."""
    draw = random.Random(0)
    made = []
    for number in range(count):
        ratios = [draw.choice((0.0, 0.3, 0.6, 0.9)) for _ in LAYERS]
        bits = [draw.choice((2, 4, 8)) for _ in LAYERS]
        budgets = [
            LayerBudget(name, ratio, width, None if name == "fc" else 4)
            for name, ratio, width in zip(LAYERS, ratios, bits, strict=True)
        ]
        accuracy = round(0.99 - 0.1 * sum(ratios) / 3 - 0.1 / sum(bits) - 0.01 * draw.random(), 4)
        configuration = Configuration(tuple(budgets), draw.choice((1, 2, 4)))
        made.append(complete(number, configuration, accuracy, test=(accuracy - 0.01, accuracy - 0.005)))
    asked = made[0].asked
    skipped = [
        Evaluation(count, 7, State.SKIPPED, asked, reason="repeats trial 0", cost=made[0].cost),
        Evaluation(
            count + 1,
            7,
            State.SKIPPED,
            replace(asked, time_steps=8),
            reason="memory_bytes is 81.2 KiB, over the limit of 64.0 KiB",
            cost=made[0].cost,
        ),
    ]
    failed = Evaluation(
        count + 2, 7, State.FAILED, replace(asked, time_steps=7), reason="TrainingDiverged: loss is nan"
    )
    return [*made, *skipped, failed]


def store(url: str, name: str = "digits-snn") -> None:
    """Fill a storage with the study."""
    with StudyStore(url) as opened:
        opened.create(study(name))
        opened.add(name, baseline())
        for evaluation in trials():
            opened.add(name, evaluation)
        results = opened.results(name)
        corner, volume = results.reference_point, results.hypervolume
        assert corner is not None
        front = ParetoFront.of(results.evaluations, study().objectives)
        opened.add_front(name, FrontSnapshot(20, volume, corner, front.trials))
