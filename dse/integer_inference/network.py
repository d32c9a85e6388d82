"""A spiking network of whole numbers: codes, level numbers and threshold tables; no float in the time loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dse.integer_inference.chain import Rearrangement, Stage, read_chain
from dse.integer_inference.exact_sum import ExactSum, Geometry
from dse.integer_inference.fixed_point import FixedPoint, fixed_point
from dse.integer_inference.thresholds import ThresholdTable, threshold_table
from dse.spiking_network import SpikingNetwork

Array = npt.NDArray[Any]
Totals = npt.NDArray[np.int64]
Firing: TypeAlias = ThresholdTable | FixedPoint
#: Is told, for every stage and time step, the spikes before the pool (N, H, W, C) and the levels' numbers stored.
Observer = Callable[[int, int, Array, Array], None]
BATCH = 250


@dataclass(frozen=True, slots=True, eq=False)
class IntegerStage:
    """One layer in whole numbers.

    ``codes`` is int32 of shape (O, I / groups, height, width), (O, I) for a linear layer; before tables, the codes of a
    channel whose float scale is negative have changed their sign. ``firing`` is what the neurons do and ``pool`` sums
    their spikes over pool x pool. The read-out has no neurons: it scores ``(sum << bias_bits) + bias``.
    """

    path: str
    before: tuple[Rearrangement, ...]
    codes: npt.NDArray[np.int32]
    geometry: Geometry | None
    firing: Firing | None
    pool: int = 1
    bias: npt.NDArray[np.int32] | None = None
    bias_bits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class IntegerNetwork:
    """A chain of stages over ``time_steps`` steps; takes inputs as the data set stores them, as whole numbers."""

    stages: tuple[IntegerStage, ...]
    time_steps: int
    input_shape: tuple[int, ...]

    @classmethod
    def of(cls, network: nn.Module, input_shape: tuple[int, ...], *, tables: bool = True) -> IntegerNetwork:
        """Take a network in its exact form (:func:`dse.integer_inference.exact_form.make_exact`) over to integers.

        Neurons fire by threshold tables, or, with ``tables=False`` and rounded constants, by these.
        """
        stages = read_chain(network)
        assert isinstance(network, SpikingNetwork)
        return cls(tuple(_integer_stage(stage, tables) for stage in stages), network.time_steps, tuple(input_shape))

    def scores(self, inputs: Array, observe: Observer | None = None) -> Totals:
        """Integer scores (N, K) of ``inputs`` (N, *input_shape), or (N, T, *input_shape) for event data.

        Scores have the order of the float network's outputs, ties included: the prediction is the first largest.
        """
        parts = [self._scores(inputs[start : start + BATCH], observe) for start in range(0, len(inputs), BATCH)]
        return np.concatenate(parts)

    def predictions(self, inputs: Array, observe: Observer | None = None) -> Totals:
        """The class of each sample."""
        best: Totals = self.scores(inputs, observe).argmax(axis=1)
        return best

    def _scores(self, inputs: Array, observe: Observer | None) -> Totals:
        samples, steps = len(inputs), self.time_steps
        static = inputs.ndim == len(self.input_shape) + 1
        # Steps along the first axis: one for what is the same in every step, else all of them.
        now = inputs[None] if static else np.moveaxis(inputs, 1, 0)
        now = now.reshape(now.shape[0] * samples, *self.input_shape)
        if now.ndim == 4:
            now = np.ascontiguousarray(now.transpose(0, 2, 3, 1))
        for index, stage in enumerate(self.stages):
            sums = _sums(stage, now)
            if stage.firing is None:
                outputs = sums.reshape(-1, samples, sums.shape[-1]).astype(np.int64)
                total: Totals = outputs.sum(axis=0) * (steps if len(outputs) == 1 else 1) << stage.bias_bits
                return total if stage.bias is None else total + steps * stage.bias.astype(np.int64)
            now = _fire(index, stage, sums, samples, steps, observe)
        counts = now.reshape(steps, samples, -1).astype(np.int64)
        return np.asarray(counts.sum(axis=0))


def _integer_stage(stage: Stage, tables: bool) -> IntegerStage:
    layer = stage.layer
    assert isinstance(layer, ExactSum)
    codes = layer.codes.to(torch.int32)
    if stage.neuron is not None:
        dynamics = stage.neuron.present_dynamics()
        firing: Firing
        if tables:
            firing, flipped = threshold_table(layer, dynamics)
            codes[torch.from_numpy(flipped)] *= -1
        else:
            firing = fixed_point(stage.path, layer, dynamics)
        return IntegerStage(stage.path, stage.before, codes.numpy(), layer.geometry, firing, stage.neuron.pool)
    bias_bits = next(bits for bits in range(32) if bool((layer.shift * 2**bits % 1 == 0).all()))
    bias = (layer.shift * 2**bias_bits).to(torch.int32).expand(len(codes)).numpy()
    return IntegerStage(stage.path, stage.before, codes.numpy(), layer.geometry, None, bias=bias, bias_bits=bias_bits)


def _sums(stage: IntegerStage, now: Array) -> npt.NDArray[np.int32]:
    """The integer sums of a stage, channels last, for activations (R, H, W, C) or (R, F)."""
    from dse.integer_inference.kernel import add_up

    for rearrangement in stage.before:
        now = _rearranged(rearrangement, now)
    if stage.geometry is None:
        outputs, features = stage.codes.shape
        sums = np.zeros((len(now), 1, 1, outputs), np.int32)
        codes = np.ascontiguousarray(stage.codes.T).reshape(features, 1, 1, outputs)
        add_up(now.reshape(len(now), 1, 1, features), codes, sums, (1, 1), (0, 0), (1, 1))
        return sums
    g, (outputs, _, height, width) = stage.geometry, stage.codes.shape
    size = [
        (now.shape[axis + 1] + 2 * g.padding[axis] - g.dilation[axis] * (kernel - 1) - 1) // g.stride[axis] + 1
        for axis, kernel in enumerate((height, width))
    ]
    sums = np.zeros((len(now), *size, outputs), np.int32)
    grouped = stage.codes.reshape(g.groups, outputs // g.groups, -1, height, width)
    codes = np.ascontiguousarray(grouped.transpose(0, 2, 3, 4, 1)).reshape(-1, height, width, outputs // g.groups)
    add_up(now, codes, sums, g.stride, g.padding, g.dilation)
    return sums


def _rearranged(rearrangement: Rearrangement, now: Array) -> Array:
    if rearrangement.kind == "flatten":
        return np.ascontiguousarray(now.transpose(0, 3, 1, 2) if now.ndim == 4 else now).reshape(len(now), -1)
    blocks = _blocks(now, rearrangement.size)
    if rearrangement.kind == "max":
        return np.ascontiguousarray(blocks.max(axis=(2, 4)))
    return np.ascontiguousarray(blocks.sum(axis=(2, 4), dtype=np.int32))


def _blocks(now: Array, size: int) -> Array:
    """(R, H / size, size, W / size, size, C); an odd last row or column is left out, as in any pool."""
    rows, height, width, channels = now.shape
    high, wide = height // size, width // size
    return now[:, : high * size, : wide * size].reshape(rows, high, size, wide, size, channels)


def _fire(
    index: int, stage: IntegerStage, sums: npt.NDArray[np.int32], samples: int, steps: int, observe: Observer | None
) -> Array:
    """The stage's spikes over all time steps, summed over its pool, (T * N, H, W, C)."""
    from dse.integer_inference.kernel import fire, fire_by_constants

    firing, shape = stage.firing, sums.shape[1:]
    assert firing is not None
    per_step = sums.reshape(-1, samples * shape[0] * shape[1], shape[2])
    level = np.full(per_step.shape[1:], firing.start, np.int16)
    spikes = np.empty((steps, samples, *shape), np.uint8)
    for step in range(steps):
        now, fired = per_step[step if len(per_step) > 1 else 0], spikes[step].reshape(level.shape)
        if isinstance(firing, ThresholdTable):
            fire(now, level, fired, firing.sums, firing.fire, firing.keep, firing.after, firing.reset)
        else:
            f = firing
            rules = (f.threshold, f.leak, f.leak_bits, f.step_bits, f.lowest, f.highest, f.soft)
            fire_by_constants(now, level, fired, f.gain, f.offset, *rules)
        if observe is not None:
            observe(index, step, spikes[step], level.reshape(spikes[step].shape))
    emitted = spikes.reshape(steps * samples, *shape)
    return emitted if stage.pool == 1 else _rearranged(Rearrangement("average", stage.pool), emitted)
