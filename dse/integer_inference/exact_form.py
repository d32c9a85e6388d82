"""Brings a settled network into its exact form: batch norm folded, scales behind integer sums, read-out in few bits.

The network computes the same as before up to float rounding; from then on each of its spikes is a function of integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dse.datasets import Samples
from dse.integer_inference.chain import NotExactError, Rearrangement, Stage, read_chain
from dse.integer_inference.exact_sum import EXACT_BELOW, ExactSum, Geometry
from dse.neurons import LIF
from dse.quantizers import IntegerWeights
from dse.spiking_network import SpikingNetwork

#: The read-out's bias is rounded to 2^-8 of a weight step where there is room, never to more than whole steps.
MOST_BIAS_BITS = 8
#: Significant bits that the read-out's one scale keeps at least before the bias gives up bits of its own.
SCALE_BITS = 4
#: The read-out's sums over all time steps stay below this, so that their mean is exact and keeps their order.
READ_OUT_BELOW = 1 << 22


@dataclass(frozen=True, slots=True)
class InputCodes:
    """How a data set stores its inputs: whole numbers up to ``largest``, of which ``units`` make the float 1.0."""

    units: int
    largest: int

    @classmethod
    def of(cls, samples: Samples) -> InputCodes | None:
        """How these samples are stored; None for floats, and for bytes that stand for odd fractions."""
        return cls(int(samples.full_scale), 255) if samples.holds_integers else None


def make_exact(network: nn.Module, inputs: InputCodes | None, fraction_bits: int | None = None) -> None:
    """Bring a settled, trained network into its exact form, in place.

    ``inputs`` is None for data that are stored as floats. With ``fraction_bits`` scales and shifts are rounded to
    multiples of 2^-fraction_bits, to fewer bits in a layer whose sums are too large for that many (see
    :mod:`dse.integer_inference.fixed_point`). Raises :class:`NotExactError`, and leaves the network as it
    is, where the form does not exist.
    """
    stages = read_chain(network)
    assert isinstance(network, SpikingNetwork)
    if inputs is None:
        raise NotExactError("the data set stores its inputs as floats; integer inference starts from whole numbers")
    units, largest = inputs.units, inputs.largest
    layers: dict[str, ExactSum] = {}
    for stage in stages:
        for rearrangement in stage.before:
            units, largest = _after(rearrangement, units, largest)
        layers[stage.path] = _exact_layer(stage, units, largest, network.time_steps, fraction_bits)
        units = largest = stage.neuron.pool**2 if stage.neuron is not None else 1
    for stage in stages:
        _replace(network, stage.path, layers[stage.path])
        if stage.norm_path is not None:
            _replace(network, stage.norm_path, nn.Identity())


def _after(rearrangement: Rearrangement, units: int, largest: int) -> tuple[int, int]:
    if rearrangement.kind != "average":
        return units, largest
    return units * rearrangement.size**2, largest * rearrangement.size**2


def _replace(network: SpikingNetwork, path: str, module: nn.Module) -> None:
    module.train(network.training)
    if path:
        network.body.set_submodule(path, module)
    else:
        network.body = module


def _exact_layer(stage: Stage, units: int, largest: int, time_steps: int, fraction_bits: int | None) -> ExactSum:
    layer, integers = stage.layer, getattr(stage.layer, "integer_weights", None)
    if isinstance(layer, ExactSum):
        return layer
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    if not isinstance(integers, IntegerWeights):
        raise NotExactError(f"layer {stage.path!r} has float weights; give it weight_bits below 32")
    _check_neuron(stage)
    sums = integers.codes.double().abs().flatten(1).sum(dim=1) * largest
    if float(sums.max()) >= EXACT_BELOW:
        raise NotExactError(
            f"the sums of layer {stage.path!r} can reach {int(sums.max())}; float32 holds whole numbers exactly up to "
            f"{EXACT_BELOW}: give it fewer weight bits"
        )
    step = integers.scale.double().reshape(-1) / units
    if stage.neuron is None:
        scale, shift = _read_out(stage, layer, step, float(sums.max()), time_steps)
    else:
        scale, shift = _folded(stage, layer, step)
        if fraction_bits is not None:
            scale, shift = rounded_constants(stage.path, scale, shift, sums, fraction_bits)
    return ExactSum(
        integers.codes,
        scale,
        shift,
        _geometry(layer),
        input_units=units,
        largest_input=largest,
        weight=layer.weight,
        shift_first=stage.neuron is None,
    )


def rounded_constants(
    path: str, scale: Tensor, shift: Tensor, largest_sums: Tensor, fraction_bits: int
) -> tuple[Tensor, Tensor]:
    """Both as multiples of 2^-f with the largest f up to ``fraction_bits`` for which all currents are exact."""
    for bits in range(fraction_bits, 0, -1):
        scales, shifts = (torch.round(constant * 2.0**bits) for constant in (scale, shift))
        # Room for a leaking membrane of a few thresholds, in the same units and with its own fractional bits.
        if bool((scales.abs() * largest_sums + shifts.abs() < EXACT_BELOW / 4).all()):
            return scales / 2.0**bits, shifts / 2.0**bits
    raise NotExactError(f"the currents of layer {path!r} are too large for fixed-point constants")


def _check_neuron(stage: Stage) -> None:
    if stage.neuron is not None and type(stage.neuron) is not LIF:
        kind = type(stage.neuron).__name__
        raise NotExactError(f"the neurons {stage.neuron_path!r} are {kind}; integer inference knows LIF")
    if stage.neuron is not None and stage.neuron.dynamics.grid is None:
        raise NotExactError(
            f"the neurons behind layer {stage.path!r} keep a float membrane; give it membrane_bits below 32"
        )


def _geometry(layer: nn.Conv2d | nn.Linear) -> Geometry | None:
    if isinstance(layer, nn.Linear):
        return None
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise NotExactError(
            f"the convolution pads with {layer.padding_mode}, {layer.padding}; known is zeros by number"
        )
    stride, padding, dilation = ((a[0], a[1]) for a in (layer.stride, layer.padding, layer.dilation))
    return Geometry(stride, padding, dilation, layer.groups)


def _folded(stage: Stage, layer: nn.Conv2d | nn.Linear, step: Tensor) -> tuple[Tensor, Tensor]:
    """One scale and one shift for each channel: weight step, bias and batch norm in evaluation mode, in double."""
    channels, bias = layer.weight.shape[0], layer.bias
    shift = torch.zeros(channels, dtype=torch.float64) if bias is None else bias.detach().double()
    scale = step.expand(channels).clone()
    if (norm := stage.norm) is not None:
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        if norm.running_mean is None or norm.running_var is None:
            raise NotExactError(f"batch norm {stage.norm_path!r} keeps no running statistics")
        gain = (norm.running_var.double() + norm.eps).rsqrt()
        if norm.affine:
            gain = gain * norm.weight.detach().double()
        offset = norm.bias.detach().double() if norm.affine else torch.zeros_like(gain)
        scale, shift = scale * gain, (shift - norm.running_mean.double()) * gain + offset
    return scale, shift


def _read_out(
    stage: Stage, layer: nn.Conv2d | nn.Linear, step: Tensor, largest_sum: float, time_steps: int
) -> tuple[Tensor, Tensor]:
    """One scale in so few bits, and biases in such steps, that outputs and their sum over time are exact in float32."""
    if stage.norm is not None:
        raise NotExactError(f"batch norm {stage.norm_path!r} follows the read-out; known is a read-out without one")
    if len(step) > 1:
        raise NotExactError(f"the read-out {stage.path!r} has one weight scale for each output; known is one in all")
    bias = layer.bias
    steps = torch.zeros(1, dtype=torch.float64) if bias is None else bias.detach().double() / step
    reach = (largest_sum + float(steps.abs().max())) * time_steps
    room = math.floor(math.log2(READ_OUT_BELOW / max(reach, 1.0)))
    if room < 1:
        raise NotExactError(f"the sums of the read-out {stage.path!r} are too large for an exact mean over time")
    bias_bits = min(MOST_BIAS_BITS, max(room - SCALE_BITS, 0))
    fraction, exponent = math.frexp(float(step))
    bits = room - bias_bits
    scale = math.ldexp(round(math.ldexp(fraction, bits)), exponent - bits)
    return torch.tensor(scale), torch.round(steps * 2**bias_bits) / 2**bias_bits
