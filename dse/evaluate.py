"""One trial: a configuration goes in, a trained and measured network's Evaluation comes out. Runs in any process."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from torch import nn

from cost_models import Configuration, InputError, Workload, estimate, load_hardware
from dse.baseline_cache import baseline_key, load_state, save_state
from dse.compression import compress, settle
from dse.datasets import Dataset, Samples, load_dataset, split_train_validation
from dse.device import training_device
from dse.early_stopping import StoppingRule
from dse.integer_inference import InputCodes, NotExactError, make_exact
from dse.measurement import measure_densities, measurements, predict, with_measured_outputs
from dse.method_options import with_options
from dse.methods import check_methods, check_space, methods_of
from dse.networks import build_network, check_answer
from dse.neurons import NEURONS
from dse.spiking_network import SpikingNetwork
from dse.tasks import TASKS, TRAINING_LOSSES, TrainingLoss
from dse.trace import trace
from dse.training import EpochEnd, Schedule, one_thread, seeded, train
from studies import Evaluation, Measurement, State, Study
from studies.evaluation import HARD_PRUNED
from studies.study import Task

#: The largest number of time steps at which the float network is trained, unless the study says otherwise.
MOST_BASELINE_STEPS = 4


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
        network = _float_network(study, data_root)
        steps = _baseline_steps(study, network)
        asked = Configuration.uniform(_untrained_workload(study, data_root), time_steps=steps)
        return _measured(Job(study, asked, study.seed, None, splits, data_root), network, asked, started)


def trace_study(study: Study, data_root: str | None = None) -> Workload:
    """The workload of the study's untrained network; everything that the study names is looked up on the way.

    Raises :class:`InputError` for an unknown name, an option that does not exist, absent data, a device that is not
    there, or a network that cannot take the data set's input.
    """
    training_device(study.training.device)
    check_methods(study)
    _loss(study)
    TASKS[study.task.kind]
    workload = _untrained_workload(study, data_root)
    check_space(study, workload)
    dataset = _dataset(study.task, data_root, None)
    split_train_validation(dataset, study.training.validation_fraction, study.seed)
    return workload


def _trained(job: Job, started: float) -> Evaluation:
    curve: list[float] = []
    network, realised, told = trained_network(job, curve)
    if job.stopping is not None and 0 < len(curve) < job.study.training.epochs:
        return job.stopping.stopped(job.trial, job.seed, job.configuration, curve, time.perf_counter() - started)
    samples, _ = _split(job.study, job.data_root, realised.time_steps)
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
    workload = _untrained_workload(study, job.data_root)
    network = _float_network(study, job.data_root).to(training_device(study.training.device))
    method, quantizer = methods_of(study.method_of(job.choices))
    configuration = method.plan(job.configuration, workload, load_hardware(study.hardware))
    if method.learns_ratios and job.found is not None:
        configuration, method.learns_ratios = job.found, False
    with seeded(job.seed):  # gates start at random
        compress(network, workload, configuration, method, quantizer, study.method.membrane_quantizer)
    _, validation = _split(study, job.data_root, configuration.time_steps)
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
        return _dataset(job.study.task, job.data_root, time_steps).test
    return _split(job.study, job.data_root, time_steps)[1]


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
        network, realised = _float_network(study, data_root), evaluation.realised or evaluation.asked
    else:
        network, realised, _ = trained_network(Job.of(study, evaluation, data_root=data_root))
    _, validation = _split(study, data_root, realised.time_steps)
    measured = copy.deepcopy(network)
    _exact_where_possible(measured, validation)
    metrics = TASKS[study.task.kind].metrics(predict(measured, validation), validation.targets)
    return network, realised, metrics.get("accuracy")


def training_of(study: Study, data_root: str | None, time_steps: int) -> tuple[Samples, Schedule, TrainingLoss]:
    """What a trial of a study is trained on, how long and how fast, and towards what."""
    training, _ = _split(study, data_root, time_steps)
    schedule = _schedule(study, study.training.epochs, study.training.learning_rate)
    return training, schedule, _loss(study)


def _schedule(study: Study, epochs: int, learning_rate: float) -> Schedule:
    options = study.training
    return Schedule(epochs, options.batch_size, learning_rate, options.weight_decay, options.samples_per_epoch)


def data_of(study: Study, data_root: str | None, time_steps: int) -> Dataset:
    """The data set of a study, as its networks of this many time steps see it."""
    return _dataset(study.task, data_root, time_steps)


def _measured(job: Job, network: nn.Module, realised: Configuration, started: float) -> Evaluation:
    """The Evaluation of a trained network: densities on validation data, metrics on each split, cost from both."""
    study = job.study
    metrics = TASKS[study.task.kind].metrics
    _, validation = _split(study, job.data_root, realised.time_steps)
    workload, outputs = measure_densities(network, _untrained_workload(study, job.data_root), realised, validation)
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


def _float_network(study: Study, data_root: str | None) -> nn.Module:
    """A fresh copy of the trained float network; trained and cached first if need be."""
    dataset = _dataset(study.task, data_root, None)
    network = _untrained(study, dataset)
    steps = _baseline_steps(study, network)
    if isinstance(network, SpikingNetwork):
        network.time_steps = steps
    key = baseline_key(study, _dataset(study.task, data_root, steps).fingerprint, steps)
    if load_state(network, key):
        return network
    schedule = _schedule(study, study.training.baseline_epochs, study.training.baseline_learning_rate)
    training, _ = _split(study, data_root, steps)
    network.to(training_device(study.training.device))
    train(network, training, schedule, loss=_loss(study), seed=study.seed)
    network.cpu()
    save_state(network, key)
    return network


def _untrained(study: Study, dataset: Dataset) -> nn.Module:
    name = study.method.neuron
    options = study.method.options.get(name, {})
    neuron = with_options("neuron", name, NEURONS[name], options)
    try:
        neuron()
    except InputError as error:
        named = str(error).split()[0] in options
        raise InputError(f"method.{name}{'.' if named else ': '}{error}") from None
    with seeded(study.seed):
        return build_network(
            study.task.network,
            dataset.input_shape,
            dataset.classes,
            neuron=neuron,
            time_steps=min(MOST_BASELINE_STEPS, int(max(study.space.time_steps.values))),
            readout=study.method.readout,
        )


def _baseline_steps(study: Study, network: nn.Module) -> int:
    if not isinstance(network, SpikingNetwork):
        return 1
    largest = int(max(study.space.time_steps.values))
    return study.training.baseline_time_steps or min(MOST_BASELINE_STEPS, largest)


@lru_cache(maxsize=2)
def _untrained_workload(study: Study, data_root: str | None) -> Workload:
    dataset = _dataset(study.task, data_root, None)
    network = _untrained(study, dataset)
    try:
        workload = trace(network, dataset.input_shape, name=study.task.network, temporal=dataset.temporal)
        check_answer(study.task.network, network, dataset.train.normalised([0]), dataset.classes)
        return workload
    except InputError:
        raise
    except Exception as error:
        shown = "x".join(str(size) for size in dataset.input_shape)
        raise InputError(
            f"network {study.task.network!r} cannot take the {shown} input of data set {study.task.dataset!r}: {error}"
        ) from error


@lru_cache(maxsize=8)
def _dataset(task: Task, data_root: str | None, time_steps: int | None) -> Dataset:
    return load_dataset(
        task.dataset,
        data_root,
        time_steps=time_steps,
        frame_size=task.frame_size,
        slicing=task.slicing,
        corrupt=task.corrupt,
        cache_root=os.environ.get("DSE_CACHE"),
    )


@lru_cache(maxsize=8)
def _split(study: Study, data_root: str | None, time_steps: int) -> tuple[Samples, Samples]:
    dataset = _dataset(study.task, data_root, time_steps)
    return split_train_validation(dataset, study.training.validation_fraction, study.seed)


def _loss(study: Study) -> TrainingLoss:
    name = study.training.loss
    return with_options("training loss", name, TRAINING_LOSSES[name], study.method.options.get(name, {}))()
