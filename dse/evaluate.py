"""One trial: a configuration goes in, a trained and measured network's Evaluation comes out. Runs in any process."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from cost_models import Configuration, Workload, estimate, load_hardware
from dse.compression import compress, settle
from dse.datasets import Samples, split_train_validation
from dse.device import training_device
from dse.early_stopping import StoppingRule
from dse.integer_inference import InputCodes, NotExactError, make_exact
from dse.measurement import measure_densities, measurements, predict, with_measured_outputs
from dse.methods import check_methods, check_space, methods_of
from dse.study_parts import (
    baseline_steps,
    data_of,
    float_network,
    loss_of,
    split_of,
    training_of,
    untrained_workload,
)
from dse.tasks import TASKS
from dse.training import EpochEnd, one_thread, seeded, train
from studies import Evaluation, Measurement, State, Study
from studies.evaluation import HARD_PRUNED

__all__ = ["Job", "baseline", "data_of", "evaluate", "network_of", "trace_study", "trained_network", "training_of"]


@dataclass(frozen=True, slots=True)
class Job:
    """Plain values that a worker needs for one evaluation; ``splits`` are those on which the network is measured.

    With ``curve`` the validation accuracy is measured at the end of every epoch; ``stopping`` may then end it all.
    ``found`` is what a method that finds its pruning ratios itself has found in an earlier training: it then is to meet
    those ratios exactly.
    ``choices`` are the values of the search's parameters by name; they decide the method where a study leaves it open.
    """

    study: Study
    configuration: Configuration
    seed: int
    trial: int | None
    splits: tuple[str, ...] = ("validation",)
    data_root: str | None = None
    curve: bool = False
    stopping: StoppingRule | None = None
    found: Configuration | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        study: Study,
        evaluation: Evaluation,
        splits: tuple[str, ...] = ("validation",),
        data_root: str | None = None,
    ) -> Job:
        """The job of a stored trial of ``study``: what was asked for, with its method, under its own seed."""
        asked, seed, trial = evaluation.asked, evaluation.seed, evaluation.trial
        return cls(study, asked, seed, trial, splits, data_root, choices=dict(evaluation.choices))


def evaluate(job: Job) -> Evaluation:
    """Train the network under the job's configuration, starting from the float network, and measure it.

    Whatever goes wrong in the training (a diverging loss, no memory, an error in a user's code) gives a failed
    Evaluation with its reason; only an interruption passes.
    """
    started = time.perf_counter()
    try:
        with one_thread():
            return _trained(job, started)
    except Exception as error:
        return Evaluation(
            job.trial,
            job.seed,
            State.FAILED,
            job.configuration,
            reason=f"{type(error).__name__}: {error}",
            seconds=time.perf_counter() - started,
        )


def baseline(study: Study, data_root: str | None = None, splits: tuple[str, ...] = ("validation",)) -> Evaluation:
    """The dense float network of a study, trained or taken from the cache, as the Evaluation without a trial number."""
    started = time.perf_counter()
    with one_thread():
        network = float_network(study, data_root)
        steps = baseline_steps(study, network)
        asked = Configuration.uniform(untrained_workload(study, data_root), time_steps=steps)
        return _measured(Job(study, asked, study.seed, None, splits, data_root), network, asked, started)


def trace_study(study: Study, data_root: str | None = None) -> Workload:
    """The workload of the study's untrained network; everything that the study names is looked up on the way.

    Raises :class:`InputError` for an unknown name, an option that does not exist, absent data, a device that is not
    there, or a network that cannot take the data set's input.
    """
    training_device(study.training.device)
    check_methods(study)
    loss_of(study)
    TASKS[study.task.kind]
    workload = untrained_workload(study, data_root)
    check_space(study, workload)
    split_train_validation(data_of(study, data_root, None), study.training.validation_fraction, study.seed)
    return workload


def _trained(job: Job, started: float) -> Evaluation:
    curve: list[float] = []
    network, realised, told = trained_network(job, curve)
    if job.stopping is not None and 0 < len(curve) < job.study.training.epochs:
        return job.stopping.stopped(job.trial, job.seed, job.configuration, curve, time.perf_counter() - started)
    samples, _ = split_of(job.study, job.data_root, realised.time_steps)
    _exact_where_possible(network, samples)
    evaluation = _measured(job, network, realised, started)
    # A curve ends with the accuracy that the finished network is measured to have.
    curve[-1:] = [evaluation.value("validation") or 0.0] if curve else []
    return replace(evaluation, measurements=(*evaluation.measurements, *told), curve=tuple(curve))


def trained_network(
    job: Job, curve: list[float] | None = None
) -> tuple[nn.Module, Configuration, tuple[Measurement, ...]]:
    """The network that a job trains, with plain weights; what it has become; and what its pruning method tells.

    It is trained on the study's device and comes back on the CPU.
    Trained weights are not stored: the same job gives the same network again, in the time of one trial. The validation
    accuracy after each epoch goes into ``curve`` where the job asks for it; the job's stopping rule ends the training.
    """
    study = job.study
    workload = untrained_workload(study, job.data_root)
    network = float_network(study, job.data_root).to(training_device(study.training.device))
    method, quantizer = methods_of(study.method_of(job.choices))
    configuration = method.plan(job.configuration, workload, load_hardware(study.hardware))
    if method.learns_ratios and job.found is not None:
        configuration, method.learns_ratios = job.found, False
    with seeded(job.seed):  # gates start at random
        compress(network, workload, configuration, method, quantizer, study.method.membrane_quantizer)
    _, validation = split_of(study, job.data_root, configuration.time_steps)
    training, schedule, loss = training_of(study, job.data_root, configuration.time_steps)
    watched = replace(job, stopping=None) if method.learns_ratios else job
    epoch_end = _curve_recorder(watched, network, validation, curve) if job.curve and curve is not None else None
    pruned: list[Measurement] = []
    train(
        network,
        training,
        schedule,
        loss=loss,
        seed=job.seed,
        method=method,
        epoch_end=epoch_end,
        when_pruned=lambda: pruned.extend(_hard_pruned(job, network)),
    )
    realised = settle(network, workload, configuration, method)
    network.cpu()
    told = [Measurement("training", name, job.seed, value) for name, value in method.metrics().items()]
    return network, realised, (*pruned, *told)


def _exact_where_possible(network: nn.Module, samples: Samples) -> None:
    """What is measured is what integer hardware does, wherever integers alone can do it."""
    with suppress(NotExactError):
        make_exact(network, InputCodes.of(samples))


def _hard_pruned(job: Job, network: nn.Module) -> Iterator[Measurement]:
    """The accuracy of a network that has just been pruned hard, before it is trained on with its final masks."""
    metrics = TASKS[job.study.task.kind].metrics
    for split in job.splits:
        samples = _samples(job, split, job.configuration.time_steps)
        accuracy = metrics(predict(network, samples), samples.targets)["accuracy"]
        yield Measurement(split, HARD_PRUNED, job.seed, accuracy)


def _samples(job: Job, split: str, time_steps: int) -> Samples:
    """The validation or the test part of the job's data."""
    if split == "test":
        return data_of(job.study, job.data_root, time_steps).test
    return split_of(job.study, job.data_root, time_steps)[1]


def _curve_recorder(job: Job, network: nn.Module, validation: Samples, curve: list[float]) -> EpochEnd:
    """Appends the accuracy on the validation split to ``curve`` after each epoch, and asks the stopping rule."""
    metrics = TASKS[job.study.task.kind].metrics

    def epoch_end(epoch: int) -> bool:
        curve.append(metrics(predict(network, validation), validation.targets)["accuracy"])
        return job.stopping is not None and job.stopping.stops(curve)

    return epoch_end


def network_of(
    study: Study, evaluation: Evaluation, data_root: str | None = None
) -> tuple[nn.Module, Configuration, float | None]:
    """The trained network behind a stored trial or the baseline, with plain weights; what it is; its accuracy now.

    The accuracy is that on validation data, measured as a trial's is: the same number as the stored one where training
    was repeated exactly. None for a task without accuracy.
    """
    if evaluation.trial is None:
        network, realised = float_network(study, data_root), evaluation.realised or evaluation.asked
    else:
        network, realised, _ = trained_network(Job.of(study, evaluation, data_root=data_root))
    _, validation = split_of(study, data_root, realised.time_steps)
    measured = copy.deepcopy(network)
    _exact_where_possible(measured, validation)
    metrics = TASKS[study.task.kind].metrics(predict(measured, validation), validation.targets)
    return network, realised, metrics.get("accuracy")


def _measured(job: Job, network: nn.Module, realised: Configuration, started: float) -> Evaluation:
    """The Evaluation of a trained network: densities on validation data, metrics on each split, cost from both."""
    study = job.study
    metrics = TASKS[study.task.kind].metrics
    _, validation = split_of(study, job.data_root, realised.time_steps)
    workload, outputs = measure_densities(network, untrained_workload(study, job.data_root), realised, validation)
    realised = with_measured_outputs(network, realised)
    found: tuple[Measurement, ...] = ()
    for split in job.splits:
        if split == "test":
            samples = _samples(job, split, realised.time_steps)
            outputs_of_split = predict(network, samples)
        else:
            samples, outputs_of_split = validation, outputs
        found += measurements(metrics, outputs_of_split, samples, split, job.seed)
    return Evaluation(
        job.trial,
        job.seed,
        State.COMPLETE,
        job.configuration,
        realised=realised,
        workload=workload,
        cost=estimate(workload, realised, load_hardware(study.hardware)),
        measurements=found,
        seconds=time.perf_counter() - started,
    )
