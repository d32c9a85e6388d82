"""The contract of an export format, and what is measured of a network in any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from cost_models import Configuration
from dse.datasets import Samples
from dse.tasks import TrainingLoss
from dse.training import Schedule
from studies import Study


@dataclass(frozen=True, slots=True)
class TrainedTrial:
    """What is exported: a trained network with plain weights, what it has become, and what it was trained for.

    ``samples`` are those that it is measured on; the rest is what a format needs that trains it further.
    """

    study: Study
    network: nn.Module
    realised: Configuration
    input_shape: tuple[int, ...]
    classes: int
    samples: Samples
    training: Samples
    schedule: Schedule
    loss: TrainingLoss
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a network does on a split: ``spikes`` are those of all neurons, steps and samples, before any pool."""

    samples: int
    accuracy: float
    spikes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


#: Runs an exported network over samples.
Run = Callable[[Samples], Measured]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One way to write a network.

    ``write(trial, folder)`` puts files into an empty folder and gives what the manifest must say to read them;
    ``open(folder, manifest)`` gives the network back, ready to run; ``memory(folder, manifest)`` the bytes of its parts
    by name, as they are in the files. ``whole_numbers``: weights must be integers, so float weights are refused early.
    """

    description: str
    write: Callable[[TrainedTrial, Path], dict[str, Any]]
    open: Callable[[Path, Mapping[str, Any]], Run]
    memory: Callable[[Path, Mapping[str, Any]], dict[str, int]]
    whole_numbers: bool = False
