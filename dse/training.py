"""The one training loop: Adam with a cosine schedule, for float networks and for networks under compression."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cost_models import InputError
from dse.datasets import Samples
from dse.device import CPU, repeatable, same_randomness
from dse.pruning import Progress, PruningMethod
from dse.spiking_network import SpikingNetwork
from dse.tasks import TRAINING_LOSSES, TrainingLoss

__all__ = [
    "TRAINING_LOSSES",
    "EpochEnd",
    "Schedule",
    "TrainingDiverged",
    "one_thread",
    "outputs_over_time",
    "seeded",
    "train",
]


#: Called at the end of each epoch with its number, from 1 on; True ends the training there.
EpochEnd = Callable[[int], bool]


class TrainingDiverged(RuntimeError):  # noqa: N818 - reads as what happened, in the reason of a failed trial
    """The loss or the outputs are no longer numbers."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: epochs, samples of a batch, Adam's first rate (cosine to 0), L2 decay.

    ``samples_per_epoch`` limits each epoch to a fresh seeded random subset; None takes all samples.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    samples_per_epoch: int | None = None


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Torch's global generators seeded inside the ``with`` block, and as they were before behind it."""
    with same_randomness(device):
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside the ``with`` block: the same result on any machine, and no fight between workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def outputs_over_time(network: nn.Module, inputs: Tensor) -> Tensor:
    """The network's output in every time step, ``(T, B, K)``; T = 1 for a network that does not spike."""
    if isinstance(network, SpikingNetwork):
        return network.steps(inputs)
    output: Tensor = network(inputs)
    return output.unsqueeze(0)


def train(
    network: nn.Module,
    samples: Samples,
    schedule: Schedule,
    *,
    loss: TrainingLoss,
    seed: int,
    method: PruningMethod | None = None,
    epoch_end: EpochEnd | None = None,
    when_pruned: Callable[[], None] | None = None,
) -> None:
    """Train ``network`` in place, on its device, on ``samples``; ``method``, already attached, shapes it on the way.

    The seed decides the order of the samples and whatever the network itself draws; ``epoch_end`` may look at the
    network and draw what it likes without changing that. So may ``when_pruned``, which is called once, where the method
    has just made its masks final (before the first step, if they were final from the start) and the network will be
    trained on with them. Raises :class:`TrainingDiverged` as soon as the loss is not a finite number.
    """
    parameters = _parameters(network, method)
    optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    batches = _batches_per_epoch(len(samples), schedule)
    steps = schedule.epochs * batches
    device = parameters[0].device
    if when_pruned is not None and method is not None and method.masks_final:
        _look(when_pruned, device)
    network.train()
    # Channels last makes a training step of ordinary convolutions about 1.3 times faster (Caffe LeNet-5, one thread).
    convolves = not isinstance(network, SpikingNetwork)
    if convolves:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with seeded(seed, device), repeatable(device):
        for step, index in enumerate(_batches(len(samples), schedule, seed)):
            _set_rate(optimizer, schedule.learning_rate * (1.0 + math.cos(math.pi * step / steps)) / 2.0)
            outputs = outputs_over_time(network, samples.normalised(index).to(device))
            value = _step(outputs, samples.targets[index].to(device), loss, optimizer, method)
            if not math.isfinite(value):
                raise TrainingDiverged(f"the loss is {value} in epoch {step // batches + 1} of {schedule.epochs}")
            if method is not None:
                progress = Progress(step, steps, batches, value, schedule.weight_decay)
                if _update(method, progress) and when_pruned is not None:
                    _look(when_pruned, device)
                    network.train()
            optimizer.step()
            if epoch_end is not None and (step + 1) % batches == 0:
                if _ends(epoch_end, (step + 1) // batches, device):
                    break
                network.train()
    if convolves:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval()


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _update(method: PruningMethod, progress: Progress) -> bool:
    """Let the method act; whether it has just made its masks final, with more steps to come."""
    before = method.masks_final
    method.update(progress)
    return method.masks_final and not before and progress.step + 1 < progress.steps


def _look(when_pruned: Callable[[], None], device: torch.device) -> None:
    with same_randomness(device):
        when_pruned()


def _ends(epoch_end: EpochEnd, epoch: int, device: torch.device) -> bool:
    with same_randomness(device):
        return epoch_end(epoch)


def _step(
    outputs: Tensor, targets: Tensor, loss: TrainingLoss, optimizer: torch.optim.Optimizer, method: PruningMethod | None
) -> float:
    """The gradients of one step; gives the task loss, or the penalty where that is what is not finite."""
    task_loss = loss(outputs, targets)
    penalty = method.penalty() if method is not None else None
    total = task_loss if penalty is None else task_loss + penalty
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    value = float(task_loss.detach())
    return value if penalty is None or math.isfinite(float(total.detach())) else float(total.detach())


def _parameters(network: nn.Module, method: PruningMethod | None) -> list[nn.Parameter]:
    left_out = {id(parameter) for parameter in method.own_parameters()} if method is not None else set()
    parameters = [p for p in network.parameters() if p.requires_grad and id(p) not in left_out]
    if not parameters:
        raise InputError("the network has no trainable parameters; there is nothing to train")
    return parameters


def _batches(samples: int, schedule: Schedule, seed: int) -> Iterator[Tensor]:
    """The indices of the samples of each step, in an order that the seed draws for each epoch by itself."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(schedule.epochs):
        order = torch.randperm(samples, generator=generator)[: schedule.samples_per_epoch]
        yield from order.tensor_split(_batches_per_epoch(samples, schedule))


def _batches_per_epoch(samples: int, schedule: Schedule) -> int:
    # Equal parts and no small rest: batch norm cannot take a batch of one sample.
    count = min(samples, schedule.samples_per_epoch or samples)
    return max(1, round(count / schedule.batch_size))
