"""What a study names, made real: its data and their split, its loss, and its network untrained and in float."""

from __future__ import annotations

import os
from functools import lru_cache

from torch import nn

from cost_models import InputError, Workload
from dse.baseline_cache import baseline_key, load_state, save_state
from dse.datasets import Dataset, Samples, load_dataset, split_train_validation
from dse.device import training_device
from dse.method_options import with_options
from dse.networks import build_network, check_answer
from dse.neurons import NEURONS
from dse.spiking_network import SpikingNetwork
from dse.tasks import TRAINING_LOSSES, TrainingLoss
from dse.trace import trace
from dse.training import Schedule, seeded, train
from studies import Study
from studies.study import Task

#: The largest number of time steps at which the float network is trained, unless the study says otherwise.
MOST_BASELINE_STEPS = 4


def training_of(study: Study, data_root: str | None, time_steps: int) -> tuple[Samples, Schedule, TrainingLoss]:
    """What a trial of a study is trained on, how long and how fast, and towards what."""
    training, _ = split_of(study, data_root, time_steps)
    schedule = _schedule(study, study.training.epochs, study.training.learning_rate)
    return training, schedule, loss_of(study)


def _schedule(study: Study, epochs: int, learning_rate: float) -> Schedule:
    options = study.training
    return Schedule(epochs, options.batch_size, learning_rate, options.weight_decay, options.samples_per_epoch)


def data_of(study: Study, data_root: str | None, time_steps: int | None) -> Dataset:
    """The data set of a study, as its networks of this many time steps see it; with None in its own steps."""
    return _dataset(study.task, data_root, time_steps)


def float_network(study: Study, data_root: str | None) -> nn.Module:
    """A fresh copy of the trained float network; trained and cached first if need be."""
    dataset = _dataset(study.task, data_root, None)
    network = _untrained(study, dataset)
    steps = baseline_steps(study, network)
    if isinstance(network, SpikingNetwork):
        network.time_steps = steps
    key = baseline_key(study, _dataset(study.task, data_root, steps).fingerprint, steps)
    if load_state(network, key):
        return network
    schedule = _schedule(study, study.training.baseline_epochs, study.training.baseline_learning_rate)
    training, _ = split_of(study, data_root, steps)
    network.to(training_device(study.training.device))
    train(network, training, schedule, loss=loss_of(study), seed=study.seed)
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


def baseline_steps(study: Study, network: nn.Module) -> int:
    """The number of time steps at which the float network is trained."""
    if not isinstance(network, SpikingNetwork):
        return 1
    largest = int(max(study.space.time_steps.values))
    return study.training.baseline_time_steps or min(MOST_BASELINE_STEPS, largest)


@lru_cache(maxsize=2)
def untrained_workload(study: Study, data_root: str | None) -> Workload:
    """The workload of the study's untrained network."""
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
def split_of(study: Study, data_root: str | None, time_steps: int) -> tuple[Samples, Samples]:
    """What is trained on, and the validation part of the training data."""
    dataset = _dataset(study.task, data_root, time_steps)
    return split_train_validation(dataset, study.training.validation_fraction, study.seed)


def loss_of(study: Study) -> TrainingLoss:
    """The training loss with the study's options."""
    name = study.training.loss
    return with_options("training loss", name, TRAINING_LOSSES[name], study.method.options.get(name, {}))()
