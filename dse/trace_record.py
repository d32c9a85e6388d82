"""A layer while a forward pass is being recorded: counts add up from call to call until it is finished."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cost_models import InputError, Layer


@dataclass(slots=True)
class LayerRecord:
    """A layer while it is being collected."""

    name: str
    kind: str
    weight_shape: tuple[int, ...] = ()
    macs: int = 0
    lookups: int = 0
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    groups: int = 1
    other_parameters: int = 0
    neurons: int = 0
    neuron: str | None = None
    spiking: bool = True
    static: bool = True
    calls: int = 0
    neuron_calls: int = 0
    sources: set[str | None] = field(default_factory=set)
    neurons_per_channel: bool = True

    def divide(self, steps: int) -> None:
        """Share the counts of a forward pass among the time steps that it loops over itself.

        What a static input is computed from once, outside the loop, stays as it is.
        """
        if self.calls % steps and not self.static:
            raise InputError(
                f"layer {self.name!r} runs {self.calls} times in one forward pass; that is no multiple of the {steps} "
                "time steps it is said to loop over"
            )
        if self.calls % steps == 0:
            self.macs, self.lookups = self.macs // steps, self.lookups // steps
        if self.neuron_calls % steps == 0:
            self.neurons //= steps

    def layer(self) -> Layer:
        """The finished layer."""
        weights = math.prod(self.weight_shape) if self.weight_shape else 0
        product = self.macs if not weights else 0
        positions = self.lookups if self.kind == "embedding" else self.macs // weights if weights else 1
        return Layer(
            name=self.name,
            kind=self.kind,
            weight_shape=self.weight_shape,
            positions=positions,
            input_shape=self.input_shape,
            output_shape=self.output_shape,
            groups=self.groups,
            other_parameters=self.other_parameters,
            product_macs=product,
            neurons=self.neurons,
            neuron=self.neuron,
            spiking_input=self.spiking,
            static_input=self.static,
            reads=next(iter(self.sources)) if len(self.sources) == 1 else None,
            neurons_per_channel=self.neurons_per_channel,
        )
