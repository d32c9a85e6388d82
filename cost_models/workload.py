"""What a network asks of the hardware, without the network: shapes, counts and measured activity of each layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

from cost_models.errors import InputError, check_count, check_density
from cost_models.registry import unknown_name

#: Kinds whose weights a search may prune and quantise.
COMPRESSIBLE_KINDS = ("conv", "conv_transpose", "linear")
#: All kinds of layers: ``product`` is a matrix product of two activations (attention); the others carry no MACs.
KINDS = (*COMPRESSIBLE_KINDS, "embedding", "product", "norm", "parameter", "pool", "add", "neuron")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer for one input and one time step.

    ``weight_shape`` is PyTorch's shape of the weight tensor (``()`` where there is none) and ``positions`` the number
    of times each weight is used in one time step (the output positions of a convolution, of all its calls if the
    module is reused); so a weighted layer has ``weights * positions`` MACs. ``product_macs`` holds the MACs of a matrix
    product of two activations, which has no weights. ``other_parameters`` are biases and affine parameters that are not
    pruned. ``neurons`` counts the spiking neurons that the layer feeds and ``neuron`` names their module.

    ``input_density`` is the share of non-zero inputs (the spike rate for a spiking input); 1.0 means dense or not
    measured. ``spiking_input`` tells whether the input is binary, so that the work is accumulations (synaptic
    operations) and not multiply-accumulates. ``static_input`` marks a layer whose input is the same in every time step
    (direct coding): it is computed once and not once per step.

    ``output_density`` is the measured share of outputs, over samples and time steps, whose current is computed at all
    (dynamic pruning leaves the others out; the first time step of a static input is computed once for all of them);
    ``gate_macs`` are the multiply-accumulates per time step of what decides about that.

    ``reads`` names the compressible layer whose output channels arrive here, each with an equal share of the input, so
    that a channel removed there leaves this layer with less to read; None where nothing of the kind is known (behind a
    residual sum, a concatenation, attention). ``neurons_per_channel``: a removed output channel takes its neurons along
    (not so where they fire on a sum with another branch). See :mod:`cost_models.channel_removal`.
    """

    name: str
    kind: str
    weight_shape: tuple[int, ...] = ()
    positions: int = 1
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    groups: int = 1
    other_parameters: int = 0
    product_macs: int = 0
    neurons: int = 0
    neuron: str | None = None
    input_density: float = 1.0
    spiking_input: bool = False
    static_input: bool = False
    reads: str | None = None
    neurons_per_channel: bool = True
    output_density: float = 1.0
    gate_macs: int = 0

    def __post_init__(self) -> None:
        for shape in ("weight_shape", "input_shape", "output_shape"):
            object.__setattr__(self, shape, tuple(getattr(self, shape)))
        if self.kind not in KINDS:
            raise InputError(f"layer {self.name!r}: " + unknown_name("kind", self.kind, KINDS))
        for count in ("positions", "groups", "other_parameters", "product_macs", "neurons", "gate_macs"):
            check_count(f"layer {self.name!r}: {count}", getattr(self, count))
        for share in ("input_density", "output_density"):
            object.__setattr__(self, share, check_density(f"layer {self.name!r}: {share}", getattr(self, share)))

    @property
    def weights(self) -> int:
        """Number of weights that can be pruned and quantised."""
        return math.prod(self.weight_shape) if self.weight_shape else 0

    @property
    def parameters(self) -> int:
        """All trainable parameters of the layer, biases included."""
        return self.weights + self.other_parameters

    @property
    def channels(self) -> int:
        """Output channels of a layer with weights (PyTorch puts them second in a transposed convolution)."""
        if not self.weight_shape:
            return 0
        if self.kind == "conv_transpose" and len(self.weight_shape) > 1:
            return self.weight_shape[1] * self.groups
        return self.weight_shape[0]

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates for one input in one time step."""
        return (self.weights * self.positions if self.kind != "embedding" else 0) + self.product_macs

    @property
    def compressible(self) -> bool:
        """Whether a configuration needs a budget for this layer."""
        return self.kind in COMPRESSIBLE_KINDS

    def to_dict(self) -> dict[str, Any]:
        """Plain values, tuples as lists."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Workload:
    """The layers of one network in the order in which they are executed, for one input and one time step."""

    network: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    #: Operations that were seen but cannot be priced, as ``"module path: what"``; never silently dropped.
    unpriced: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("input_shape", "layers", "unpriced"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"network {self.network!r} has two layers named {twice!r}; names must differ")

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise InputError(unknown_name("layer", name, [layer.name for layer in self.layers]))

    @property
    def compressible(self) -> tuple[Layer, ...]:
        """The layers that need a budget, in order."""
        return tuple(layer for layer in self.layers if layer.compressible)

    @property
    def spiking(self) -> bool:
        """Whether any layer feeds spiking neurons."""
        return any(layer.neurons for layer in self.layers)

    def with_densities(self, densities: Mapping[str, float]) -> Workload:
        """The same workload with measured input densities, by layer name."""
        for name in densities:
            self[name]
        return replace(
            self,
            layers=tuple(
                replace(layer, input_density=densities[layer.name]) if layer.name in densities else layer
                for layer in self.layers
            ),
        )

    def with_density_of_each(self, densities: Sequence[float]) -> Workload:
        """The same workload with one input density for each of its layers, in order; made for thousands of them."""
        for layer, density in zip(self.layers, densities, strict=True):
            if not 0.0 <= density <= 1.0:
                check_density(f"layer {layer.name!r}: input_density", density)
        layers = [
            layer if layer.input_density == density else _with_density(layer, density)
            for layer, density in zip(self.layers, densities, strict=True)
        ]
        return Workload(self.network, self.input_shape, tuple(layers), self.unpriced)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that survive JSON."""
        return {
            "network": self.network,
            "input_shape": list(self.input_shape),
            "layers": [layer.to_dict() for layer in self.layers],
            "unpriced": list(self.unpriced),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Workload:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            data["network"],
            tuple(data["input_shape"]),
            tuple(Layer(**layer) for layer in data["layers"]),
            tuple(data.get("unpriced", ())),
        )


_NAMES = tuple(field.name for field in fields(Layer) if field.name != "input_density")
_READ = attrgetter(*_NAMES)
_SETTERS = tuple(Layer.__dict__[name].__set__ for name in _NAMES)
_SET_DENSITY = Layer.__dict__["input_density"].__set__


def _with_density(layer: Layer, density: float) -> Layer:
    """The layer with another input density; nothing is checked again. Several times as fast as ``replace``."""
    copy = object.__new__(Layer)
    for write, value in zip(_SETTERS, _READ(layer), strict=True):
        write(copy, value)
    _SET_DENSITY(copy, density)
    return copy
