"""The integer network against the float network that was trained: every spike, every stored level, every prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dse.datasets import Samples
from dse.integer_inference.chain import read_chain
from dse.integer_inference.network import Array, IntegerNetwork
from dse.neurons import LIF
from dse.neurons.dynamics import lif_step


@dataclass(slots=True)
class Differences:
    """How many spikes, stored levels and predictions were compared, and how many of them differ; sums add up."""

    samples: int = 0
    decisions: int = 0
    spikes: int = 0
    levels: int = 0
    predictions: int = 0

    @property
    def none(self) -> bool:
        """Whether both networks did the same."""
        return self.spikes == self.levels == self.predictions == 0


def compare(network: nn.Module, integers: IntegerNetwork, samples: Samples, batch: int = 250) -> Differences:
    """Run both over ``samples`` and count what differs; ``network`` is the float one, in any form of the same chain."""
    found = Differences()
    network.eval()
    for start in range(0, len(samples), batch):
        part = samples.subset(torch.arange(start, min(start + batch, len(samples))))
        with torch.inference_mode(), _recorded(network) as currents:
            outputs = network(part.normalised(slice(None)))
        expected = [_states(*current) for current in currents]

        def observe(index: int, step: int, spikes: Array, levels: Array, expected: list[Steps] = expected) -> None:
            fired, stored = expected[index][step]
            firing = integers.stages[index].firing
            assert firing is not None
            found.decisions += spikes.size
            found.spikes += int((_channels_last(fired) != spikes).sum())
            found.levels += int((_channels_last(stored) != firing.stored(levels)).sum())

        predicted = integers.predictions(part.inputs.numpy(), observe)
        found.samples += len(part)
        found.predictions += int((outputs.argmax(dim=1).numpy() != predicted).sum())
    return found


Steps = list[tuple[Tensor, Tensor]]


@contextmanager
def _recorded(network: nn.Module) -> Iterator[list[tuple[LIF, Tensor]]]:
    """The neurons with the currents that they get, in the order of the chain, while the block runs."""
    found: list[tuple[LIF, Tensor]] = []
    neurons = [stage.neuron for stage in read_chain(network) if stage.neuron is not None]
    hooks = [
        neuron.register_forward_pre_hook(lambda module, args: found.append((module, args[0]))) for neuron in neurons
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _states(neuron: LIF, current: Tensor) -> Steps:
    """Spikes and stored membranes of each step, by the neuron's rule in plain torch."""
    steps, static = neuron.timeline.steps, neuron.timeline.is_static(current.shape[0])
    frames = [current] * steps if static else list(current.reshape(steps, -1, *current.shape[1:]))
    stored = torch.zeros_like(frames[0])
    states = []
    for frame in frames:
        spikes, stored = lif_step(frame, stored, neuron.present_dynamics())
        states.append((spikes, stored))
    return states


def _channels_last(values: Tensor) -> Array:
    array = values.numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array.reshape(len(array), 1, 1, -1)
