"""A study that needs no training: a small spiking network's workload and an accuracy that is a formula."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import signal
import time
from pathlib import Path
from typing import Any

from cost_models import Configuration, Layer, Workload, estimate, load_hardware
from dse.evaluate import Job
from dse.search.sensitivities import PREFIX
from studies import Choices, DesignSpace, Evaluation, Measurement, Search, State, Study

WORKLOAD = Workload(
    "synthetic",
    (1, 8, 8),
    (
        Layer("conv1", "conv", (8, 1, 3, 3), 64, (1, 8, 8), (8, 8, 8), neurons=512, static_input=True),
        Layer("conv2", "conv", (16, 8, 3, 3), 16, (8, 4, 4), (16, 4, 4), neurons=256, spiking_input=True),
        Layer("fc", "linear", (10, 256), 1, (256,), (10,), spiking_input=True),
    ),
)
DENSITIES = {"conv2": 0.2, "fc": 0.1}
SPACE = DesignSpace(
    pruning_ratio=Choices((0.0, 0.3, 0.6, 0.9)),
    weight_bits=Choices((2, 4, 8)),
    membrane_bits=Choices((2, 4, 8)),
    time_steps=Choices((1, 2, 4)),
)


def make_study(*, constraints: dict[str, float] | None = None, space: DesignSpace = SPACE, **search: Any) -> Study:
    """A study with a few trials of the synthetic network; keywords are those of ``[search]``."""
    settings = {"sampler": "random", "trials": 6, "seeds_on_front": 0, **search}
    return Study("synthetic", space=space, constraints=constraints or {}, search=Search(**settings), seed=3)


def trace_study(study: Study, data_root: str | None = None) -> Workload:
    return WORKLOAD


def baseline(study: Study, data_root: str | None = None, splits: tuple[str, ...] = ("validation",)) -> Evaluation:
    asked = Configuration.uniform(WORKLOAD, time_steps=4)
    return dataclasses.replace(evaluate(Job(study, asked, study.seed, None, splits)), trial=None)


def probe(study: Study, baseline: Evaluation, data_root: str | None = None) -> tuple[Measurement, ...]:
    """What a probe of the synthetic network would say of a few parameters."""
    found = {"conv1/weight_bits": -1.0, "conv2/weight_bits": -2.0, "fc/pruning_ratio": 0.5}
    return tuple(Measurement("training", PREFIX + name, study.seed, value) for name, value in found.items())


def evaluate(job: Job) -> Evaluation:
    """An accuracy that falls with compression, with a little noise that depends on the training seed."""
    workload = WORKLOAD.with_densities({name: rate / (1 + job.seed % 3) for name, rate in DENSITIES.items()})
    return Evaluation(
        trial=job.trial,
        seed=job.seed,
        state=State.COMPLETE,
        asked=job.configuration,
        realised=job.configuration,
        workload=workload,
        cost=estimate(workload, job.configuration, load_hardware(job.study.hardware)),
        measurements=tuple(Measurement(split, "accuracy", job.seed, accuracy(job, split)) for split in job.splits),
        seconds=0.01,
    )


def accuracy(job: Job, split: str) -> float:
    damage = sum(
        budget.pruning_ratio**3 + 2.0 ** -float(budget.weight_bits) + 2.0 ** -float(budget.membrane_bits or 32)
        for budget in job.configuration.budgets
    )
    digest = hashlib.sha256(f"{split}/{job.seed}/{job.configuration}".encode()).digest()
    return 0.98 * math.exp(-0.2 * damage / job.configuration.time_steps**0.5) + digest[0] / 255 * 0.01


def evaluate_with_curve(job: Job) -> Evaluation:
    """The accuracy is reached along a curve, which the job's stopping rule may end."""
    epochs = job.study.training.epochs
    result = evaluate(job)
    end = result.value("validation") or 0.0
    curve = (*(end * (1.0 - 0.5 ** (epoch + job.seed % 3)) for epoch in range(1, epochs)), end)
    if not job.curve:
        return result
    for epoch in range(1, epochs + 1):
        if job.stopping is not None and job.stopping.stops(curve[:epoch]):
            return job.stopping.stopped(job.trial, job.seed, job.configuration, curve[:epoch], 0.001)
    return dataclasses.replace(result, curve=curve)


def evaluate_slowly(job: Job) -> Evaluation:
    time.sleep(0.15)
    return evaluate(job)


def evaluate_unevenly(job: Job) -> Evaluation:
    """Trials end in another order than they were asked for."""
    time.sleep(0.2 if (job.trial or 0) % 3 == 0 else 0.01)
    return evaluate(job)


def evaluate_or_exit(job: Job) -> Evaluation:
    """Trial 1 ends its worker, trial 2 is killed."""
    if job.trial == 1:
        os._exit(7)
    if job.trial == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(job)


def evaluate_to_nan(job: Job) -> Evaluation:
    """The accuracy of every second trial is not a number."""
    result = evaluate(job)
    if (job.trial or 0) % 2:
        return result
    measurements = tuple(dataclasses.replace(m, value=math.nan) for m in result.measurements)
    return dataclasses.replace(result, measurements=measurements)


def evaluate_failing(job: Job) -> Evaluation:
    raise RuntimeError("out of luck")


def evaluate_once_interrupted(job: Job) -> Evaluation:
    """Interrupts the run in trial 3, unless a file named by ``data_root`` says that it has happened."""
    mark = Path(str(job.data_root))
    if job.trial == 3 and not mark.exists():
        mark.touch()
        raise KeyboardInterrupt
    return evaluate(job)
